"""headgate why."""

from typing import Annotated

import typer

from headgate.cli.exchange import say
from headgate.cli.standing import Standing
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    is_named,
    open_project,
)
from headgate.desired import file_path
from headgate.errors import PermanentError
from headgate.names import Commit
from headgate.why import History
from headgate.why import why as history_of

app = typer.Typer(add_completion=False)
COMMITS = 500
"""Of version.yaml: more than any service is promoted."""


@app.command()
def why(
    name: Annotated[str | None, typer.Argument(help="The service.", metavar="SERVICE")] = None,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
) -> None:
    """Say which model is live, since when, because of what, and how to undo it: from Git alone."""
    from headgate.show import why as shown

    project = open_project(service, workspace)
    is_named(project, name)
    # In a replay "live since" is event time, and its days up to today's date are nobody's.
    now = None if project.workspace.demo.exists() else project.clock()
    say(shown.text(history(project, project.live(environment)), now).rstrip())


def history(project: Project, standing: Standing) -> History:
    """Return a service's past in one environment, as commits, tags and pull requests tell it."""
    spec, forge, head = project.spec, project.forge, standing.desired.commit
    if head is None:
        raise PermanentError("the env repo has no commit on main")
    path = file_path(standing.environment, spec.service, "version.yaml")
    log = forge.log(path, head, COMMITS)
    commits: set[Commit] = {entry.commit for entry in log} | {tag.commit for tag in standing.tags}
    versions = {commit: text for commit in commits if (text := forge.read(path, commit)) is not None}
    pulls = forge.pull_requests(spec.service)
    return history_of(spec.service, standing.environment, log, standing.tags, pulls, versions)
