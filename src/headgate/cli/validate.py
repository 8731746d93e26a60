"""headgate validate."""

import typer

from headgate.adapters.datasets import read_kept
from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave, take
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, open_project
from headgate.records.dataset import DatasetRef, ValidationReport

app = typer.Typer(add_completion=False)
SHOWN = 12


@app.command()
def validate(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    source: FromFile = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Check every part of a dataset against the contract; a failing report is a record, not an error."""
    from headgate.validate import validate as judge_rows

    project = open_project(service, workspace)
    dataset = take(DatasetRef, source, project)
    parts = {part: read_kept(project.store, dataset, part) for part in dataset.parts}
    report = judge_rows(dataset, parts, project.contract)
    leave(report, out, output, project, summary(report), fields)


def summary(report: ValidationReport) -> str:
    lines = [f"validation of {report.dataset.sha256[:12]}: {report.outcome.upper()}, {len(report.checks)} checks"]
    broken = [check for check in report.checks if check.outcome != "pass"]
    lines += [f"  {check.outcome}: {check.name} {check.column or ''}: {check.detail}" for check in broken[:SHOWN]]
    if len(broken) > SHOWN:
        lines.append(f"  and {len(broken) - SHOWN} more")
    return "\n".join(lines)
