"""headgate retire."""

from typing import Annotated

import typer

from headgate.cli.exchange import OutFile, Output, OutputFormat, leave
from headgate.cli.propose import perform, situation, summary
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, is_named, open_project
from headgate.propose import retire as ending

app = typer.Typer(add_completion=False)


@app.command()
def retire(
    name: Annotated[str, typer.Argument(help="The service.", metavar="SERVICE")],
    environment: Annotated[str, typer.Option("--environment", "-e", help="The environment.", metavar="NAME")],
    reason: Annotated[str, typer.Option("--reason", help="Why it serves no more.", metavar="TEXT")],
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    out: OutFile = None,
    output: OutputFormat = Output.text,
) -> None:
    """Ask that a service serve no more in an environment: a pull request; its folder may be deleted after that."""
    project = open_project(service, workspace)
    is_named(project, name)
    here = situation(project, project.live(environment))
    done = perform(ending.plan(here, project.spec.service, reason, project.clock()), project.forge)
    leave(done, out, output, project, summary(done))
