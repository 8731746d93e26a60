"""headgate run."""

import hashlib
import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from headgate.cli.answering import TriggerGiven, answered
from headgate.cli.moments import AsOf, GateFrom, moment
from headgate.cli.past import Attempt
from headgate.cli.propose import Proposed
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.gate import packs
from headgate.graph.engines.local import StepEnd
from headgate.graph.engines.local import run as run_graph
from headgate.graph.engines.progress import Run
from headgate.graph.step import CONTINUOUS_TRAINING
from headgate.names import run_name
from headgate.records.codec import decode
from headgate.records.dataset import ValidationReport
from headgate.records.judgement import Verdict

app = typer.Typer(add_completion=False)
MOST_TOLD = 6
LEAK_STEP = (
    "next: give what is not known before the label the role `ignore` in data.roles; "
    "for what is, write {rule: leak, severity: warning} into gate.rules"
)
MARKS = {"done": "green", "seen before": "cyan", "not needed": "dim", "failed": "red"}


@app.command()
def run(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    as_of: AsOf = None,
    gate_from: GateFrom = None,
    trigger: TriggerGiven = None,
    source: Annotated[str | None, typer.Option("--source", help="Read this instead of data.reader.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The run's name; default: from what it answers.")] = None,
) -> None:
    """Run the pipeline: each step a process of its own, skipped when its inputs were seen before."""
    project = open_project(service, workspace)
    cause = answered(trigger)
    moment(as_of), moment(gate_from)
    name = run_name(name or f"ct-{project.spec.service}-{cause.key if cause else by_hand(as_of, gate_from, source)}")
    plan = Run(
        graph=CONTINUOUS_TRAINING,
        folder=project.workspace.runs / name,
        cache=project.workspace.cache,
        program=(sys.executable, "-m", "headgate"),
        common=options(("--service", str(project.service_file)), ("--workspace", str(project.workspace.root))),
        arguments=arguments(
            {"as-of": as_of, "gate-from": gate_from, "environment": environment, "trigger": trigger, "run": name},
            source,
        ),
        facts=facts(project, environment),
    )
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"run {name}", markup=False, highlight=False)
    attempt = Attempt(plan.folder, cause)
    with attempt.stopped_by_nobody():
        ends = run_graph(plan, lambda end: show(end, plan, console), begin=attempt.begin)
    failed = [end for end in ends.values() if end.outcome == "failed"]
    if failed:
        raise typer.Exit(failed[0].exit_code)
    for line in ending(ends, plan):
        console.print(line, markup=False, highlight=False)


def facts(project: Project, environment: str | None) -> dict[str, str]:
    """Return what each verb depends on beside its record: code, lock, champion, policy."""
    live = project.live(environment)
    roles = f"{live.champion.sha256 if live.champion else '-'} {live.anchor.sha256 if live.anchor else '-'}"
    pack = packs.digest_of(packs.load(project.spec.gate, project.spec.metrics[0]))
    learned = f"{project.code} {project.lock}"
    return {
        "validate": project.contract_digest,
        "train": learned,
        "evaluate": f"{learned} {roles}",
        "gate": f"{roles} {pack}",
    }


def options(*pairs: tuple[str, str | None]) -> tuple[str, ...]:
    return tuple(word for name, value in pairs if value is not None for word in (name, value))


def by_hand(*asked: str | None) -> str:
    return hashlib.sha256("\0".join(one or "" for one in asked).encode()).hexdigest()[:12]


def arguments(given: Mapping[str, str | None], source: str | None) -> dict[str, tuple[str, ...]]:
    """Return what each verb is given of the run's parameters."""
    by_verb = {
        step.verb: options(*((f"--{name}", given.get(name)) for name in step.takes)) for step in CONTINUOUS_TRAINING
    }
    return by_verb | {"collect": (*by_verb["collect"], *options(("--source", source)))}


def show(end: StepEnd, plan: Run, console: Console) -> None:
    """Print one line a step, and the last lines of a failed one's log."""
    color = MARKS[end.outcome]
    console.print(
        f"  [{color}]{end.outcome:<12}[/] {end.verb:<9} {end.seconds:6.1f} s  {escape(headline(end, plan))}",
        highlight=False,
    )
    if end.outcome == "failed":
        console.print(end.detail, markup=False, highlight=False)


def headline(end: StepEnd, plan: Run) -> str:
    """Return the first line the step printed for people, in its last try."""
    log = plan.folder / f"{end.verb}.log"
    if end.outcome != "done" or not log.exists():
        return end.detail.partition("\n")[0] if end.outcome != "failed" else f"exit {end.exit_code}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line and not line[0].isspace()), "")


def ending(ends: Mapping[str, StepEnd], plan: Run) -> list[str]:
    """Return what the run came to: what stopped it, or the pull request that waits; and the next move."""
    left = {verb for verb, end in ends.items() if end.outcome in {"done", "seen before"}}
    if "propose" in left:
        return proposed(decode(plan.record("propose").read_bytes(), Proposed))
    if "gate" in left:
        judged = decode(plan.record("gate").read_bytes(), Verdict)
        against = [one for one in judged.findings if one.severity == "error" and one.outcome != "pass"]
        told = [f"{one.outcome}: {one.rule}: {one.reason}" for one in against]
        leaks = [LEAK_STEP] if any(one.rule == "leak" for one in against) else []
        return [*told, "no pull request: the gate did not pass it", *leaks]
    if "validate" in left:
        report = decode(plan.record("validate").read_bytes(), ValidationReport)
        broken = [check for check in report.checks if check.outcome == "fail"]
        told = [f"fail: {check.name} {check.column or ''}: {check.detail}" for check in broken[:MOST_TOLD]]
        more = [f"and {len(broken) - MOST_TOLD} more"] if len(broken) > MOST_TOLD else []
        return [*told, *more, "nothing is trained on these rows; next: mend the source or the contract"]
    return []


def proposed(done: Proposed) -> list[str]:
    """Return where the pull request waits, or why there is none."""
    if done.pull_request is None:
        return [f"nothing proposed: {done.reason}", *([f"next: {done.next_step}"] if done.next_step else [])]
    number, state = done.pull_request.number, done.pull_request.state
    if state != "open":
        return [f"pull request #{number} is {state}"]
    return [f"next: headgate pr show {number}, then headgate pr merge {number}"]
