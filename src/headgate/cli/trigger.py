"""headgate trigger."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from headgate.cli.exchange import OutFile, Output, OutputFormat, leave, write
from headgate.cli.moments import EPOCH, AsOf, moment
from headgate.cli.observations import signals
from headgate.cli.standing import Standing
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.errors import UsageError
from headgate.names import Digest
from headgate.records.codec import Record, decode, encode
from headgate.records.dataset import ValidationReport, Window
from headgate.records.judgement import Verdict
from headgate.records.live import Signal, Trigger
from headgate.trigger import PastRun, Subject, decide

app = typer.Typer(add_completion=False)


class Decided(Record, frozen=True, kw_only=True, tag="decided/1"):
    """Whether to retrain, and why; the trigger is there only when a run should start."""

    decision: Literal["start", "quiet", "known", "waiting", "cooldown", "budget", "stopped"]
    reason: str
    trigger: Trigger | None = None


@app.command()
def trigger(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    person: Annotated[
        str | None, typer.Option("--person", help="Ask for a run yourself, for this reason.", metavar="REASON")
    ] = None,
    as_of: AsOf = None,
    out: OutFile = None,
    output: OutputFormat = Output.text,
) -> None:
    """Decide from the signals of `headgate drift`, or for a person, whether to retrain: one cause, once."""
    if person is not None and not person.strip():
        raise UsageError("--person needs a reason", next_step='say why: --person "new labels"')
    project = open_project(service, workspace)
    standing, now = project.live(environment), moment(as_of) or project.clock()
    champion = standing.champion.sha256 if standing.champion else Digest("")
    spec = project.spec
    subject = Subject(service=spec.service, environment=standing.environment, champion=champion, code=str(project.code))
    given = signals(project, standing.environment, champion)
    if person is not None:
        given.append(asked(person, project, now))
    past = runs(project, standing)
    made = decide(subject, given, past, spec.retrain, now)
    decided = Decided(decision=made.decision, reason=made.reason, trigger=made.trigger)
    step = ""
    if made.trigger:
        write_trigger(project, made.trigger)
    waiting = made.trigger or next((run.trigger for run in past if not run.ended), None)
    if waiting and made.decision in {"start", "waiting"}:
        step = f"\nnext: {command(waiting, project)}"
    leave(decided, out, output, project, f"{made.decision}: {made.reason}{step}")


def asked(reason: str, project: Project, now: datetime) -> Signal:
    """Return a person's wish as a signal; the same wish in the same window is the same."""
    length = project.spec.drift.window
    end = EPOCH + (now - EPOCH) // length * length
    window = Window(start=end - length, end=end)
    return Signal(cause="person", rule="person", window=window, fired=True, detail=reason)


def path_of(project: Project, key: str) -> Path:
    return project.workspace.root / "triggers" / f"{key}.json"


def write_trigger(project: Project, made: Trigger) -> None:
    path = path_of(project, made.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, encode(made))


def command(made: Trigger, project: Project) -> str:
    """Return how the run that answers a trigger is started; measured ones are judged on rows after their window."""
    timeless = project.spec.data.time is None
    after = "" if timeless or made.cause == "person" else f" --gate-from {made.window.end.isoformat()}"
    return f"headgate run --trigger {path_of(project, made.key)}{after}"


def runs(project: Project, standing: Standing) -> list[PastRun]:
    """Return every trigger of the workspace and how its run ended."""
    promoted = {tag.revision.model for tag in standing.tags if tag.outcome == "live"}
    files = sorted((project.workspace.root / "triggers").glob("*.json"))
    made = [decode(path.read_bytes(), Trigger, str(path)) for path in files]
    own = [one for one in made if (one.service, one.environment) == (project.spec.service, standing.environment)]
    return [past_run(one, project.workspace.runs / f"ct-{one.service}-{one.key}", promoted) for one in own]


def past_run(made: Trigger, folder: Path, promoted: set[Digest]) -> PastRun:
    """Return how the run of a trigger ended: by a verdict, at validation, or not yet."""
    gate, validation = folder / "gate.json", folder / "validate.json"
    if gate.exists():
        verdict = decode(gate.read_bytes(), Verdict, str(gate))
        return PastRun(
            trigger=made,
            verdict=verdict.outcome,
            ended=True,
            ended_at=verdict.judged_at,
            promoted=verdict.model.sha256 in promoted,
            code=verdict.model.code,
        )
    refused = validation.exists() and decode(validation.read_bytes(), ValidationReport).outcome == "fail"
    return PastRun(trigger=made, verdict=None, ended=refused, code=made.code)
