"""headgate pr."""

import getpass
from typing import Annotated

import msgspec
import typer

from headgate.cli.exchange import Output, OutputFormat, say
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, Project, ServiceFile, WorkspaceFolder, open_project
from headgate.errors import PermanentError, printable
from headgate.records.change import PullRequest
from headgate.records.codec import encode

app = typer.Typer(add_completion=False, help="List, show, merge and close pull requests of the env repo.")
Number = Annotated[int, typer.Argument(help="The pull request's number.", metavar="NUMBER", min=1)]
By = Annotated[str | None, typer.Option("--by", help="Who does it. Default: the user.", metavar="NAME")]


@app.command("list")
def list_(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    every: Annotated[bool, typer.Option("--all", help="Also the merged and closed ones.")] = False,
    output: OutputFormat = Output.text,
) -> None:
    """List the open pull requests, or all."""
    project = open_project(service, workspace)
    known = project.forge.pull_requests()
    shown = [pull for pull in known if every or pull.state == "open"]
    if output is Output.json:
        say(msgspec.json.format(msgspec.json.encode(shown)).decode())
        return
    for pull in shown:
        merged = f" by {pull.merged_by}" if pull.merged_by else ""
        at = pull.closed_at or pull.opened_at
        say(f"#{pull.number:<4} {pull.state + merged:<18} {at:%Y-%m-%d %H:%M}  {pull.title}")
    if not shown:
        say("no pull request" if every or not known else f"none is open; {len(known)} with --all")


@app.command()
def show(
    number: Number,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    output: OutputFormat = Output.text,
) -> None:
    """Print a pull request: its title, state, body and comments."""
    pull = find(open_project(service, workspace), number)
    say(encode(pull).decode() if output is Output.json else text(pull))


@app.command()
def merge(
    number: Number,
    by: By = None,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    output: OutputFormat = Output.text,
) -> None:
    """Merge a pull request: from then on main asks for it, and the ring moves to it."""
    project = open_project(service, workspace)
    already = find(project, number).state == "merged"
    pull = project.forge.merge(number, by or user(), project.clock())
    told = f"#{number} was merged already, by {pull.merged_by}" if already else f"#{number} merged by {pull.merged_by}"
    step = "" if already else "\nnext: `headgate up` serves what main names; one that runs sees it by itself"
    say(encode(pull).decode() if output is Output.json else f"{told}: {pull.title}{step}")


@app.command()
def close(
    number: Number,
    by: By = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept as a comment.", metavar="TEXT")] = None,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    output: OutputFormat = Output.text,
) -> None:
    """Close a pull request without merging it: this attempt is rejected, and not opened again."""
    project = open_project(service, workspace)
    before = find(project, number)
    if before.state == "merged":
        raise PermanentError(
            f"pull request #{number} is merged already, by {before.merged_by}",
            next_step=f"`headgate propose --revert {project.spec.service} ENVIRONMENT --reason TEXT` undoes it",
        )
    if reason:
        project.forge.comment(number, reason)
    pull = project.forge.close(number, by or user())
    say(encode(pull).decode() if output is Output.json else f"#{number} closed: {pull.title}")


def find(project: Project, number: int) -> PullRequest:
    """Return a pull request by its number."""
    known = {pull.number: pull for pull in project.forge.pull_requests()}
    if number not in known:
        found = ", ".join(f"#{one}" for one in sorted(known)[-10:]) or "none yet"
        raise PermanentError(f"no pull request #{number}", found=found, next_step="`headgate pr list --all`")
    return known[number]


def user() -> str:
    """Return who is at the keyboard."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def text(pull: PullRequest) -> str:
    """Return a pull request as a person reads it in a terminal."""
    state = f"merged by {pull.merged_by}" if pull.merged_by else pull.state
    head = f"#{pull.number} {pull.title}\n{state}, opened {pull.opened_at:%Y-%m-%d %H:%M} from {pull.branch}\n"
    comments = [f"\n--- comment\n{comment.rstrip()}" for comment in pull.comments]
    step = (
        [f"\nnext: headgate pr merge {pull.number}, or headgate pr close {pull.number}"] if pull.state == "open" else []
    )
    return printable("\n".join([head, pull.body.rstrip(), *comments, *step]))
