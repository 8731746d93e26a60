"""headgate trigger."""

from datetime import datetime
from typing import Annotated, Literal

import typer

from headgate.cli.exchange import OutFile, Output, OutputFormat, leave
from headgate.cli.moments import EPOCH, AsOf, moment
from headgate.cli.observations import signals
from headgate.cli.past import command, keep, runs
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
from headgate.records.codec import Record
from headgate.records.dataset import Window
from headgate.records.live import Signal, Trigger
from headgate.trigger import Subject, decide, is_under_way

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
    past = runs(project, standing.environment, standing.tags)
    made = decide(subject, given, past, spec.retrain, now)
    decided = Decided(decision=made.decision, reason=made.reason, trigger=made.trigger)
    step = ""
    if made.trigger:
        keep(project, made.trigger)
    waiting = made.trigger or next((run.trigger for run in past if is_under_way(run)), None)
    if waiting and made.decision in {"start", "waiting"}:
        step = f"\nnext: {command(waiting, project)}"
    leave(decided, out, output, project, f"{made.decision}: {made.reason}{step}")


def asked(reason: str, project: Project, now: datetime) -> Signal:
    """Return a person's wish as a signal; the same wish in the same window is the same."""
    length = project.spec.drift.window
    end = EPOCH + (now - EPOCH) // length * length
    window = Window(start=end - length, end=end)
    return Signal(cause="person", rule="person", window=window, fired=True, detail=reason)
