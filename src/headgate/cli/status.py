"""headgate status."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import typer

from headgate.cli.exchange import Output, OutputFormat, say
from headgate.cli.past import BEGUN, hanging, runs
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, Project, ServiceFile, WorkspaceFolder, open_project
from headgate.desired import Desired, live_tags
from headgate.graph.engines.holding import is_held
from headgate.names import Name, short
from headgate.records.codec import decode
from headgate.records.live import LiveTag, RolloutState
from headgate.why import Row
from headgate.why import status as rows_of

app = typer.Typer(add_completion=False)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Every service in every environment, the canary that runs, and what hangs."""

    services: list[Row]
    canaries: list[str]
    hanging: list[str]


@app.command()
def status(
    service: ServiceFile = DEFAULT_SERVICE_FILE, workspace: WorkspaceFolder = None, output: OutputFormat = Output.text
) -> None:
    """Say what is live, what is open and what hangs."""
    project = open_project(service, workspace)
    found = look(project)
    say(msgspec.json.format(msgspec.json.encode(found)).decode() if output is Output.json else text(found))


def look(project: Project) -> Status:
    """Return how every service of the env repo stands, and what hangs in the workspace."""
    desired = project.live(None).desired
    tags = [tag for order in desired.order() for tag in tags_of(project, desired, order.name)]
    rows = rows_of(desired, tags, project.forge.pull_requests())
    states = [decode(path.read_bytes(), RolloutState, str(path)) for path in rollouts(project)]
    return Status(
        services=rows,
        canaries=[canary(state) for state in states if state.canary],
        hanging=[
            *missing(project, rows),
            *unanswered(project, desired),
            *interrupted(project.workspace.runs),
            *stopped(project, states),
        ],
    )


def tags_of(project: Project, desired: Desired, environment: Name) -> list[LiveTag]:
    services = desired.services(environment)
    kinds = [f"{kind}/{environment}/{service}/" for service in services for kind in ("live", "aborted")]
    return live_tags(tag.message for prefix in kinds for tag in project.forge.tags(prefix))


def rollouts(project: Project) -> list[Path]:
    return sorted((project.workspace.root / "ring").glob("*/*/rollout.json"))


def canary(state: RolloutState) -> str:
    target = state.canary
    model = short(target.revision.model) if target else "-"
    since = f", since {state.step_started_at:%Y-%m-%d %H:%M}" if state.step_started_at else ""
    return f"{state.service} in {state.environment}: {model} at step {state.step + 1}{since}"


def missing(project: Project, rows: list[Row]) -> Iterator[str]:
    """Yield the models that Git names and the store lacks."""
    for row in rows:
        for model in dict.fromkeys(filter(None, (row.live, row.named))):
            if not project.store.has(project.model_uri(model)) and row.service == project.spec.service:
                yield f"model {short(model)} of {row.service} is not in the store, and {row.environment} names it"


def unanswered(project: Project, desired: Desired) -> Iterator[str]:
    """Yield the triggers whose run waits, failed, or was given up."""
    for order in desired.order():
        for run in runs(project, order.name, ()):
            yield from hanging(run, project)


def interrupted(runs: Path) -> Iterator[str]:
    """Yield the runs that ended in mid-way; the same command goes on where they ended."""
    for folder in sorted(path for path in runs.glob("*") if path.is_dir()):
        if (folder / BEGUN).exists():
            continue  # it answers a trigger, which is told of
        if any(folder.glob(".*.*")) and not is_held(folder / ".lock"):
            yield f"run {folder.name} was interrupted: the same `headgate run` goes on where it ended"


def stopped(project: Project, states: list[RolloutState]) -> Iterator[str]:
    """Yield the canaries that nobody judges."""
    if not is_held(project.workspace.root / "ring" / ".lock"):
        yield from (
            f"the canary of {state.service} in {state.environment} waits: `headgate up` goes on with it"
            for state in states
            if state.canary
        )


def text(found: Status) -> str:
    """Return the status as a person reads it."""
    from headgate.show import status as shown

    lines = [shown.text(found.services).rstrip()]
    lines += [f"canary   {one}" for one in found.canaries]
    lines += [f"hangs    {one}" for one in found.hanging]
    return "\n".join(lines)
