"""headgate env check: lint, render, policy, and what would change, as an env repo's CI asks it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from headgate.cli.env_changes import markdown
from headgate.cli.env_rendered import Rendered, render
from headgate.cli.exchange import Output, OutputFormat, say
from headgate.desired import PROMOTION, parse
from headgate.errors import PermanentError, UsageError
from headgate.lint import Problem, lint
from headgate.names import short

Folder = Annotated[Path, typer.Argument(help="A checkout of an env repo.", metavar="PATH")]
Base = Annotated[
    str | None, typer.Option("--base", help="Also show what would change in the clusters since then.", metavar="REF")
]
CommentOn = Annotated[
    int | None,
    typer.Option("--comment", min=1, help="Comment the change on this pull request of HEADGATE_FORGE, once."),
]


class Checked(msgspec.Struct, frozen=True):
    """What keeps an env repo from being merged, and what would change in the clusters."""

    services: int
    problems: tuple[Problem, ...]
    base: str | None
    changes: str | None


def check(
    path: Folder = Path(), base: Base = None, number: CommentOn = None, output: OutputFormat = Output.text
) -> None:
    """Say what keeps this checkout from being merged: exit 1 with each problem. Needs helm.

    Lint, then each service rendered by the chart that its app.yaml names, then what no chart may make.
    """
    if number is not None and base is None:
        raise UsageError("--comment says what changes since --base", next_step="--base origin/main")
    if not (path / PROMOTION).is_file():
        raise UsageError(f"no env repo at {str(path)!r}: it has no {PROMOTION}", next_step="name a checkout of one")
    found, told = checked(path)
    commit, changes = since(path, base, found) if base else (None, None)
    if number is not None and changes is not None:
        comment(number, changes)
    whole = Checked(services=len(found.texts), problems=told, base=commit, changes=changes)
    if output is Output.json:
        say(msgspec.json.format(msgspec.json.encode(whole)).decode())
    else:
        say("\n".join([*(problem.line() for problem in told), *([changes] if changes else [])] or [summary(whole)]))
    raise typer.Exit(1 if told else 0)


def checked(folder: Path) -> tuple[Rendered, tuple[Problem, ...]]:
    """Return what the charts make, and every problem, each said once: what lint finds is not rendered."""
    from headgate.adapters.forges import checkout

    desired = parse(checkout.texts(folder))
    linted = lint(desired)
    if any(problem.path == PROMOTION for problem in linted):
        return Rendered(texts={}, problems=()), tuple(linted)
    broken = {problem.path for problem in linted}
    folders = {path.rpartition("/")[0] for path in broken}
    sound = {path: text for path, text in desired.texts.items() if not hangs(path, folders)}
    made = render(folder, parse(sound))
    return made, (*linted, *made.problems)


def hangs(path: str, folders: set[str]) -> bool:
    """Say whether a file is of a service, or of an environment, that lint finds broken already."""
    return any(path.startswith(f"{folder}/") for folder in folders if folder.count("/") >= 1)


def since(path: Path, base: str, now: Rendered) -> tuple[str, str]:
    """Return the commit that the checkout began from, and how what the charts make differs from then."""
    from headgate.adapters.forges.exporting import base_of

    with tempfile.TemporaryDirectory() as folder:
        commit = base_of(path, base, Path(folder))
        before = checked(Path(folder))[0] if (Path(folder) / PROMOTION).is_file() else Rendered(texts={}, problems=())
    unknown = {
        place for place in before.texts if place not in now.texts and (path / "env" / place / "app.yaml").exists()
    }
    return commit, markdown({place: text for place, text in before.texts.items() if place not in unknown}, now.texts)


def comment(number: int, text: str) -> None:
    """Say what changes, once, on a pull request."""
    from headgate.adapters.forges.address import open_forge

    address = os.environ.get("HEADGATE_FORGE")
    if not address:
        raise PermanentError("HEADGATE_FORGE is not set", next_step="name the forge: gitea+https://host/owner/name")
    with token_file() as file, tempfile.TemporaryDirectory() as mirrors:
        open_forge(address, file, Path(mirrors), app=os.environ.get("HEADGATE_FORGE_APP")).comment(number, text)


@contextmanager
def token_file() -> Iterator[Path | None]:
    """Give the file that holds the forge's token: a CI has it in HEADGATE_FORGE_TOKEN instead."""
    if named := os.environ.get("HEADGATE_FORGE_TOKEN_FILE"):
        yield Path(named)
        return
    token = os.environ.get("HEADGATE_FORGE_TOKEN")
    if not token:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "token"
        file.touch(mode=0o600)
        file.write_text(token, encoding="utf-8")
        yield file


def summary(whole: Checked) -> str:
    since = f" since {short(whole.base)}" if whole.base else ""
    return f"{whole.services} services rendered{since}: no problem"
