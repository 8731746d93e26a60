"""headgate collect."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from headgate.adapters import datasets
from headgate.cli.exchange import Fields, OutFile, Output, OutputFormat, leave
from headgate.cli.moments import AsOf, GateFrom, day, moment
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, open_project
from headgate.collect import cut, describe
from headgate.errors import UsageError
from headgate.records.dataset import DatasetRef, Window

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
app = typer.Typer(add_completion=False)


@app.command()
def collect(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    as_of: AsOf = None,
    gate_from: GateFrom = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Read this file instead of data.reader.", metavar="FILE")
    ] = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Read a window of the source into an immutable dataset: train, tune and gate rows apart."""
    project = open_project(service, workspace)
    now = moment(as_of)
    if project.spec.data.time is None and (as_of or gate_from):
        raise UsageError(
            "--as-of and --gate-from are moments of event time, and service.yaml names no data.time",
            next_step="leave them out: rows are drawn by hash",
        )
    window = Window(start=EARLIEST, end=now) if now else None
    rows = project.read_rows(window, datetime.now(UTC), source)
    parts = cut(rows, project.spec, now, moment(gate_from))
    with project.workspace.scratch() as folder:
        files = datasets.pack(parts, folder)
        dataset = describe(parts, files, project.spec, project.contract_digest, source or project.spec.data.reader)
        datasets.seal(folder, dataset)
        project.store.put_folder(dataset.uri, folder)
    leave(dataset, out, output, project, summary(dataset), fields)


def summary(dataset: DatasetRef) -> str:
    lines = [f"dataset {dataset.sha256[:12]}: {dataset.rows:,} rows of {dataset.service}"]
    for name, part in dataset.parts.items():
        span = f"{day(part.window.start)} .. {day(part.window.end)}" if part.window else "by hash"
        lines.append(f"  {name:<6} {part.rows:>9,} rows  {span}  {part.labels_missing:,} without label")
    return "\n".join(lines)
