"""Forges to test on: each gives an empty env repo of its own, and says what it cannot know."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

from fakes.gitea import Gitea, gitea
from fakes.github import GitHubServer
from fakes.gitlab import GitLabServer
from fakes.hosting import TOKEN, Hosting
from fakes.serving import serving
from headgate.adapters.forges.address import open_forge
from headgate.adapters.forges.gitdir import GitDir
from headgate.ports import Forge
from headgate.records.change import Edit

COUNTER = itertools.count()


class Where(NamedTuple):
    """A forge with a new env repo."""

    forge: Forge
    people: bool = False
    """Whether it takes the caller's word for who merged and when; a hosted one knows its token's user and its clock."""
    url: str = ""
    """What HEADGATE_FORGE says of it."""
    secret: str = ""
    """The token."""
    hosting: Hosting | None = None
    """What a fake keeps."""


class Servers:
    """The servers of one test run, each started when first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack

    @cached_property
    def gitea(self) -> Gitea:
        """The real Gitea."""
        folder = self.folder / "gitea"
        folder.mkdir()
        return self.stack.enter_context(gitea(folder))


@contextmanager
def in_a_folder(servers: Servers, folder: Path, first: Sequence[Edit]) -> Iterator[Where]:
    """Make a bare repository."""
    yield Where(GitDir.create(folder / "env.git", first, "headgate"), people=True)


@contextmanager
def on_gitea(servers: Servers, folder: Path, first: Sequence[Edit]) -> Iterator[Where]:
    """Make a repository on the real Gitea."""
    repository = servers.gitea.repository(f"env-{next(COUNTER)}")
    where = hosted(f"gitea+{servers.gitea.url}/{repository}", servers.gitea.token, folder)
    where.forge.commit(first, "First", None)
    servers.gitea.filled(repository)
    yield where


@contextmanager
def on_github(servers: Servers, folder: Path, first: Sequence[Edit]) -> Iterator[Where]:
    """Make a repository on a server that answers as GitHub does."""
    hosting = Hosting(folder / "hosted", "headgate/env", "refs/pull/{}/head")
    with serving(GitHubServer(hosting).app) as url:
        where = hosted(f"github+{url}/{hosting.path}", TOKEN, folder)
        where.forge.commit(first, "First", None)
        yield where._replace(hosting=hosting)


@contextmanager
def on_gitlab(servers: Servers, folder: Path, first: Sequence[Edit]) -> Iterator[Where]:
    """Make a project, in a group of a group, on a server that answers as GitLab does."""
    hosting = Hosting(folder / "hosted", "platform/ml/env", "refs/merge-requests/{}/head")
    with serving(GitLabServer(hosting).app) as url:
        where = hosted(f"gitlab+{url}/{hosting.path}", TOKEN, folder)
        where.forge.commit(first, "First", None)
        yield where._replace(hosting=hosting)


def hosted(url: str, secret: str, folder: Path, **settings: float) -> Where:
    """Return a hosted forge whose mirror and token are in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    token = folder / "token"
    token.write_text(f"{secret}\n")
    return Where(open_forge(url, token, folder / "forges", **settings), url=url, secret=secret)


FORGES: dict[str, Callable[[Servers, Path, Sequence[Edit]], AbstractContextManager[Where]]] = {
    "gitdir": in_a_folder,
    "gitea": on_gitea,
    "github": on_github,
    "gitlab": on_gitlab,
}

ON_GITEA = pytest.param("gitea", marks=pytest.mark.xdist_group("gitea"))
"""What asks the real server is on one worker: it is started once."""
EACH = [ON_GITEA if name == "gitea" else name for name in FORGES]
