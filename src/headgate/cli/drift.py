"""headgate drift."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from headgate.cli.exchange import Fields, OutFile, Output, OutputFormat, leave
from headgate.cli.moments import AsOf, moment
from headgate.cli.observations import keep, observed, windows
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
from headgate.drift.report import report
from headgate.errors import PermanentError
from headgate.records.dataset import Window
from headgate.records.live import ColumnDrift, DriftReport, Observed
from headgate.records.model import Model
from headgate.wording import counted

app = typer.Typer(add_completion=False)
SHOWN = 8
DAY = timedelta(days=1)


@app.command()
def drift(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    as_of: AsOf = None,
    sketch: Annotated[
        list[Path] | None,
        typer.Option("--sketch", help="Read what /sketch of the servers said, not the log. Again for each server."),
    ] = None,
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
    if sketch:
        from headgate.cli.sketches import compare

        sketched = compare(project, standing, standing.champion, sketch, moment(as_of) or project.clock())
        leave(sketched, out, output, project, headline(sketched), fields)
        return
    found, said = measure(project, standing, standing.champion, moment(as_of) or project.clock())
    text = summary(found) if found else nothing_yet(said, standing.champion)
    leave(said, out, output, project, text, fields)


def measure(
    project: Project, standing: Standing, champion: Model, now: datetime
) -> tuple[Observed | None, DriftReport]:
    """Keep what the last windows with answers say; return the newest, measured again, or that there was none.

    An earlier window that nobody measured while it was the last is measured too: decisions count windows.
    """
    spec, observer, newest = project.spec, Observer(project), None
    seen = windows(project, standing.environment, champion.sha256)
    matured = now - spec.data.label.matures_after
    lately = answered(project, standing.environment, matured)
    for window in lately:
        if newest and window.end in seen:
            continue
        if found := observer.observe(window, standing, champion):
            measured = observed(project, standing, champion, found)
            keep(project, measured)
            newest = newest or measured
    if newest:
        return newest, newest.drift
    length = spec.drift.window
    last = [*aligned(length, matured - 2 * length, matured), *lately[:1]][-1]
    _, reference, _ = observer.champion(standing, champion)
    return None, report(pl.DataFrame(), None, reference, spec.drift, last, environment=standing.environment)


def answered(project: Project, environment: str, matured: datetime) -> list[Window]:
    """Return the matured windows with logged answers that decisions still look at, newest first."""
    length, (_, among) = project.spec.drift.window, project.spec.retrain.needed_of
    begins = (moment(day) for day in project.answered(environment))
    days = [day for day in begins if day and day < matured]
    if not days:
        return []
    since = days[-1] + DAY - max(DAY, (among + 1) * length)
    found = reversed(list(aligned(length, since, min(matured, days[-1] + DAY + length))))
    return [one for one in found if any(day < one.end and day + DAY > one.start for day in days)]


def nothing_yet(said: DriftReport, champion: Model) -> str:
    """Return what a person reads while no window can be judged."""
    lately = f"no answer of {champion.sha256[:12]} in the last matured windows"
    return (
        f"{show_window(said.window)}: INSUFFICIENT DATA, {lately}\n"
        "  a window is judged when it is over and its labels could have come; requests go to `headgate up`"
    )


def summary(observed: Observed) -> str:
    """Return the window as a person reads it: outcome, what moved, and each metric beside the gate's."""
    lines = [headline(observed.drift, f", {observed.labelled.labelled:,} labelled")]
    lines += [
        f"  {one.metric:<10} {one.value:.4f} [{one.low:.4f}, {one.high:.4f}], at the gate {one.reference:.4f}"
        for one in observed.metrics
    ]
    fired = [signal.rule for signal in observed.signals if signal.fired]
    lines.append(f"  signals    {', '.join(fired) if fired else 'none fired'}; next: headgate trigger")
    return "\n".join(lines)


def headline(report: DriftReport, more: str = "") -> str:
    """Return a window's outcome, and what moved."""
    few = f" of {report.rows_needed:,} needed" if report.rows < report.rows_needed else ""
    counts = f"{counted(report.rows, 'row')} served{few}{more}"
    lines = [f"{show_window(report.window)}: {report.outcome.upper().replace(chr(95), chr(32))}, {counts}"]
    moved = [column for column in report.columns if column.outcome == "drifted"]
    lines += [f"  drifted    {column.column}: {column.reason or distance(column)}" for column in moved[:SHOWN]]
    lines += [f"  and {len(moved) - SHOWN} more"] if len(moved) > SHOWN else []
    return "\n".join(lines)


def distance(column: ColumnDrift) -> str:
    return "drifted" if column.distance is None else f"distance {column.distance:.3f}, limit {column.effect_limit:.3f}"
