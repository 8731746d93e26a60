"""headgate env."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from headgate.cli import env_check, env_init
from headgate.cli.exchange import Output, OutputFormat, say
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, open_project
from headgate.desired import PROMOTION, parse
from headgate.errors import UsageError
from headgate.lint import Problem, lint
from headgate.names import Commit, short

app = typer.Typer(add_completion=False, help="Begin and check the env repo.")
MAIN = "main"


class Linted(msgspec.Struct, frozen=True):
    """What lint says of an env repo; no commit where a checkout was read as it lies there."""

    commit: Commit | None
    files: int
    problems: list[Problem]


@app.callback()
def env() -> None:
    """Begin and check the env repo."""


app.command("init")(env_init.init)
app.command("check")(env_check.check)


@app.command("lint")
def lint_(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A checkout or a bare repository. Default: this folder, or the workspace's.", metavar="PATH"
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="A branch, a tag or a commit. Default: a checkout's files; main.", metavar="COMMIT"),
    ] = None,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    output: OutputFormat = Output.text,
) -> None:
    """Say what would keep this env repo's main from being merged or run: exit 1 with each problem, 0 with none."""
    commit, texts = read(path or default(service, workspace), at)
    found = Linted(commit=commit, files=len(texts), problems=lint(parse(texts, commit)))
    if output is Output.json:
        say(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        say("\n".join([problem.line() for problem in found.problems] or [summary(found)]))
    raise typer.Exit(1 if found.problems else 0)


def default(service: Path, workspace: Path | None) -> Path:
    """Return this folder where it is an env repo, else the env repo of its service's workspace."""
    here = Path()
    return here if is_checkout(here) or is_bare(here) or not service.exists() else env_of(service, workspace)


def env_of(service: Path, workspace: Path | None) -> Path:
    return open_project(service, workspace).workspace.env


def read(path: Path, at: str | None) -> tuple[Commit | None, Mapping[str, str]]:
    """Return the env repo's texts, and the commit they are of."""
    from headgate.adapters.forges import checkout
    from headgate.adapters.forges.gitdir import GitDir

    if is_bare(path):
        return GitDir(path).texts(at or MAIN)
    if at is not None and is_bare(path / ".git"):
        return GitDir(path / ".git").texts(at)
    if at is None and is_checkout(path):
        return None, checkout.texts(path)
    lacks = "a Git repository" if at is not None else PROMOTION
    raise UsageError(
        f"no env repo at {str(path)!r}: it has no {lacks}",
        next_step="name its folder: headgate env lint PATH; `headgate init` makes one",
    )


def is_checkout(path: Path) -> bool:
    return (path / PROMOTION).is_file()


def is_bare(path: Path) -> bool:
    return (path / "objects").is_dir() and (path / "HEAD").is_file()


def summary(found: Linted) -> str:
    at = f" at {short(found.commit)}" if found.commit else ""
    return f"{found.files} files{at}: no problem"
