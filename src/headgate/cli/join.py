"""headgate join."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from headgate.cli.exchange import Fields, OutFile, Output, OutputFormat, leave
from headgate.cli.labelling import in_file, together, told
from headgate.cli.moments import AsOf, moment
from headgate.cli.observing import Observer, aligned
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.contract.times import show_time, show_window
from headgate.errors import PermanentError, UsageError
from headgate.join import ID, Joined, closes_at, join
from headgate.names import Name
from headgate.records.dataset import Window
from headgate.serve.logs.prediction_log import read as read_log
from headgate.wording import counted

app = typer.Typer(add_completion=False)
DAY = timedelta(days=1)


@app.command(name="join")
def command(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Labels by id, CSV or Parquet. Default: the source's.", metavar="FILE"),
    ] = None,
    start: Annotated[str | None, typer.Option("--start", help="Of the window.", metavar="MOMENT")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Of the window; not in it.", metavar="MOMENT")] = None,
    as_of: AsOf = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Join a window of logged answers to the labels known when it closed; exit 75 while labels can still come.

    Labels are the source's, or those in --labels, and those told to the servers. Default: the last window that closed.
    """
    project = open_project(service, workspace)
    name = project.live(environment).environment
    now = moment(as_of) or project.clock()
    window = asked(start, end) or last_closed(project, name, now)
    observer = Observer(project)
    given = in_file(project, labels) if labels else observer.told(window)
    known = together([given, told(project, name, window, now)], project.spec)
    predictions = read_log(project.answers(name, window), window)
    if predictions.is_empty():
        raise PermanentError(
            f"nothing was predicted in {name} with event time from {show_window(window)}",
            next_step="choose a window in which the service was asked",
        )
    facts, rows = join(predictions, known, project.spec, window, now)
    record = facts.record(project.spec.service, name, *observer.keep(rows))
    leave(record, out, output, project, summary(facts, known, rows, project), fields)


def asked(start: str | None, end: str | None) -> Window | None:
    """Return the window that is asked for; None where neither end is named."""
    first, last = moment(start), moment(end)
    if first is None and last is None:
        return None
    if first is None or last is None or first >= last:
        raise UsageError("--start and --end go together, the start before the end")
    return Window(start=first, end=last)


def last_closed(project: Project, environment: Name, now: datetime) -> Window:
    """Return the last window of drift.window with answers, all of whose labels could have come by now."""
    length, matured = project.spec.drift.window, now - project.spec.data.label.matures_after
    days = [day for text in project.answered(environment) if (day := moment(text))]
    found = list(aligned(length, days[0] - length, matured)) if days else []
    for window in reversed(found):
        if any(window.start < day + DAY and day < window.end for day in days):
            return window
    raise PermanentError(
        f"no window with answers in {environment} has closed by {show_time(now)}",
        found=f"answers from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}" if days else "no answers",
        next_step="wait until labels could have come, or name a window with --start and --end",
    )


def summary(facts: Joined, known: pl.DataFrame, rows: pl.DataFrame, project: Project) -> str:
    """Return the window as a person reads it: what was asked, what came of it, and what did not."""
    models = f" of {len(facts.models)} models" if len(facts.models) > 1 else ""
    closed = show_time(closes_at(facts.window, project.spec))
    asked = f"{counted(facts.predictions, 'prediction')}{models}, {facts.labelled:,} labelled"
    lines = [f"{show_window(facts.window)}, closed {closed}: {asked}"]
    if facts.missing:
        lines.append(
            f"  missing      {facts.missing:,}: {facts.late:,} came late, {facts.missing - facts.late:,} never"
        )
    if facts.duplicates:
        lines.append(f"  duplicates   {facts.duplicates:,}: the first answer to an id counts")
    if facts.corrections:
        lines.append(f"  corrections  {facts.corrections:,}: the last label known in time counts")
    if known.height and not facts.labelled and not facts.late:
        lines.append(f"  no label is of an id that was asked: labels {known[ID][0]!r}, predictions {rows[ID][0]!r}")
    return "\n".join(lines)
