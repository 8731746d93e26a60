"""headgate drift."""

from datetime import datetime

import typer

from headgate.cli.exchange import Fields, OutFile, Output, OutputFormat, leave
from headgate.cli.moments import AsOf, moment
from headgate.cli.observations import keep, observed
from headgate.cli.observing import Observer, aligned
from headgate.cli.standing import Standing
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.contract.times import show_window
from headgate.errors import PermanentError
from headgate.records.live import ColumnDrift, Observed
from headgate.records.model import Model
from headgate.specs.reading import show_duration
from headgate.wording import counted

app = typer.Typer(add_completion=False)
SHOWN = 8


@app.command()
def drift(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    as_of: AsOf = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Compare the last matured window of served rows with the champion's training rows, and its answers with labels."""
    project = open_project(service, workspace)
    standing = project.live(environment)
    if standing.champion is None:
        raise PermanentError(
            f"nothing is live in {standing.environment}: there is no champion to compare with",
            next_step="`headgate run`, `headgate pr merge NUMBER`, then `headgate up`",
        )
    found = measure(project, standing, standing.champion, moment(as_of) or project.clock())
    keep(project, found)
    leave(found.drift, out, output, project, summary(found), fields)


def measure(project: Project, standing: Standing, champion: Model, now: datetime) -> Observed:
    """Return what the last window with answers says, all of whose labels could have come by now."""
    spec = project.spec
    length, matured = spec.drift.window, now - spec.data.label.matures_after
    since = first_answer(project, standing)
    windows = list(aligned(length, since - length, matured)) if since else []
    observer = Observer(project)
    for window in reversed(windows):
        if found := observer.observe(window, standing, champion):
            return observed(project, standing, champion, found)
    last = windows[-1] if windows else next(aligned(length, matured - 2 * length, matured), None)
    raise PermanentError(
        f"no window of {show_duration(length)} with answers of {champion.sha256[:12]} has matured yet",
        found=f"windows up to {show_window(last)}" if last else None,
        next_step="send requests to `headgate up`; a window is judged when it is over and its labels could have come",
    )


def first_answer(project: Project, standing: Standing) -> datetime | None:
    """Return the day of the first logged answer."""
    folders = sorted(path.name for path in project.answers(standing.environment).glob("*-*-*") if path.is_dir())
    return moment(folders[0]) if folders else None


def summary(observed: Observed) -> str:
    """Return the window as a person reads it: outcome, what moved, and each metric beside the gate's."""
    report, labelled = observed.drift, observed.labelled
    few = f" of {report.rows_needed:,} needed" if report.rows < report.rows_needed else ""
    counts = f"{counted(report.rows, 'row')} served{few}, {labelled.labelled:,} labelled"
    lines = [f"{show_window(report.window)}: {report.outcome.upper().replace(chr(95), chr(32))}, {counts}"]
    moved = [column for column in report.columns if column.outcome == "drifted"]
    lines += [f"  drifted    {column.column}: {column.reason or distance(column)}" for column in moved[:SHOWN]]
    lines += [f"  and {len(moved) - SHOWN} more"] if len(moved) > SHOWN else []
    lines += [
        f"  {one.metric:<10} {one.value:.4f} [{one.low:.4f}, {one.high:.4f}], at the gate {one.reference:.4f}"
        for one in observed.metrics
    ]
    fired = [signal.rule for signal in observed.signals if signal.fired]
    lines.append(f"  signals    {', '.join(fired) if fired else 'none fired'}; next: headgate trigger")
    return "\n".join(lines)


def distance(column: ColumnDrift) -> str:
    return "drifted" if column.distance is None else f"distance {column.distance:.3f}, limit {column.effect_limit:.3f}"
