"""headgate init."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from headgate.adapters.forges.gitdir import GitDir
from headgate.cli.exchange import write
from headgate.cli.standing import desired_now
from headgate.cli.wiring import AUTHOR, DEFAULT_SERVICE_FILE, Project, ServiceFile, WorkspaceFolder, open_project
from headgate.contract import infer
from headgate.desired import initial
from headgate.errors import UsageError
from headgate.lint import lint
from headgate.names import name

app = typer.Typer(add_completion=False)


@app.command()
def init(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Write service.yaml and contract.yaml for this CSV or Parquet file.")
    ] = None,
    label: Annotated[str | None, typer.Option("--label", help="The column to predict.")] = None,
    time: Annotated[str | None, typer.Option("--time", help="The event-time column.")] = None,
    environments: Annotated[str, typer.Option("--environments", help="In order of promotion.")] = "prod",
) -> None:
    """Write what is missing: service.yaml, contract.yaml, and the workspace with its env repo."""
    if data is None and (label or time):
        raise UsageError("--label and --time go with --data", next_step="name the file: --data FILE")
    order = [name(one, "environment") for one in environments.split(",")]
    if data is not None:
        if label is None:
            raise UsageError("--data needs --label", next_step="name the column to predict: --label COLUMN")
        from headgate.cli.first import write_service

        write_service(service, data, label, time)
    if not service.exists():
        raise UsageError(
            f"there is no {str(service)!r} here",
            next_step="write one for your data: headgate init --data FILE --label COLUMN",
        )
    project = open_project(service, workspace)
    if data is None:
        contract(project)
    forge = GitDir.create(project.workspace.env, initial(order, project.spec.service), AUTHOR)
    print(f"workspace {project.workspace.root}")
    for problem in lint(desired_now(forge)):
        print(f"env repo: {problem.line()}", file=sys.stderr)
    print("next: headgate check, then headgate run")


def contract(project: Project) -> None:
    """Infer contract.yaml from the service's rows, unless it is there."""
    path = project.folder / project.spec.contract
    if path.exists():
        print(f"{path.name}: kept as it is")
        return
    spec = project.spec
    rows = project.read_rows(None, None)
    inferred = infer.infer(rows, spec.data.label.column, spec.data.time, spec.data.id)
    text = infer.render(inferred, infer.origins(rows, inferred, spec.data.time), spec.service)
    write(path, text.encode())
    print(f"{path.name}: {len(inferred.columns)} columns, inferred from {rows.height:,} rows of {spec.data.reader}")
