"""headgate unban."""

from typing import Annotated

import typer

from headgate.cli.exchange import OutFile, Output, OutputFormat, leave
from headgate.cli.propose import perform, situation, summary
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, is_named, open_project
from headgate.propose import unban as lifting

app = typer.Typer(add_completion=False)


@app.command()
def unban(
    name: Annotated[str, typer.Argument(help="The service.", metavar="SERVICE")],
    environment: Annotated[str, typer.Argument(help="The environment.", metavar="ENVIRONMENT")],
    model: Annotated[str, typer.Option("--model", help="Its digest, or how it begins.", metavar="DIGEST")],
    reason: Annotated[str, typer.Option("--reason", help="Why it may be tried again.", metavar="TEXT")],
    settings: Annotated[
        str | None, typer.Option("--settings", help="Only with these serving settings.", metavar="DIGEST")
    ] = None,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    out: OutFile = None,
    output: OutputFormat = Output.text,
) -> None:
    """Ask to lift the ban of a model with its serving settings: a pull request, so that Git says why."""
    project = open_project(service, workspace)
    is_named(project, name)
    here = situation(project, project.live(environment))
    done = perform(lifting.plan(here, project.spec.service, model, reason, settings=settings), project.forge)
    leave(done, out, output, project, summary(done))
