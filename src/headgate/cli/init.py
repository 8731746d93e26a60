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
from headgate.scaffold.model import model
from headgate.scaffold.repository import Dialect

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
    ci: Annotated[
        Dialect | None, typer.Option("--ci", help="Also write the model repo's CI and Dockerfile, for this forge.")
    ] = None,
    image: Annotated[str | None, typer.Option("--image", help="With --ci: Headgate's image, by digest.")] = None,
    own: Annotated[
        str | None, typer.Option("--model-image", help="With --ci: what to call yours: REGISTRY/NAME, without a tag.")
    ] = None,
) -> None:
    """Write what is missing: service.yaml, contract.yaml, and the workspace with its env repo."""
    if bool(ci) is not bool(image and own) or bool(image) is not bool(own):
        raise UsageError("--ci, --image and --model-image go together", next_step="give all three, or none")
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
    if ci and image and own:
        build(project.folder, ci, image, own)
    print(f"workspace {project.workspace.root}")
    for problem in lint(desired_now(forge)):
        print(f"env repo: {problem.line()}", file=sys.stderr)
    print("next: headgate check, then headgate run")


def build(folder: Path, ci: Dialect, image: str, own: str) -> None:
    """Write the CI into the repository the service is in, and its Dockerfile beside it, unless they are there."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
    for edit in model(ci, folder.relative_to(root).as_posix(), image, own):
        path = root / edit.path
        if path.exists():
            print(f"{edit.path}: kept as it is")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, (edit.text or "").encode())
        print(f"{edit.path}: written")


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
