"""A hosted repository's Git data on this machine: fetched before reading, changed by pushes that compare and swap."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pygit2
from pygit2.enums import CredentialType, FetchPrune

from headgate.adapters.forges.gitdata import refs, trees
from headgate.adapters.forges.gitdata.access import held, translating
from headgate.errors import HeadgateError, MovedError, PermanentError, TransientError, printable
from headgate.names import Commit
from headgate.records.change import Edit

HEADS = "refs/heads/"
TAGS = "refs/tags/"
LOCK = "headgate.lock"
FRESH_SECONDS = 0.5
"""One command reads tags and branches many times over; what was fetched this short ago is not fetched again."""
BACKOFF_SECONDS = (0.5, 1.0, 2.0)
CONNECT_MILLISECONDS = 5_000
ANSWER_MILLISECONDS = 30_000
BARRED = ("401", "403", "authentication", "credentials")
RACED = ("non-fast-forward", "fastforward", "fetch first", "failed to update ref", "cannot lock ref", "stale")
"""What servers say of a reference that another push moved first."""

Login = Callable[[], tuple[str, str]]
"""Gives user and token, asked anew each time: tokens rotate."""


class Mirror:
    """A bare copy of a repository, shared by threads and processes; only the remote's word counts."""

    def __init__(self, path: Path, url: str, login: Login, kept: Iterable[str] = ()) -> None:
        """`kept` names further references to fetch, such as the heads of pull requests whose branch is gone."""
        self.path = path
        self.url = url
        self.login = login
        self.wanted = [f"+{one}:{one}" for one in ("refs/heads/*", "refs/tags/*", *kept)]
        self.fetched_at = float("-inf")
        pygit2.settings.server_connect_timeout = CONNECT_MILLISECONDS
        pygit2.settings.server_timeout = ANSWER_MILLISECONDS

    @contextmanager
    def reading(self, having: Iterable[str] = ()) -> Iterator[pygit2.Repository]:
        """Give the copy as the remote stands now, with the commits it is known to have."""
        with self.resting() as repo:
            self.refresh(repo)
            if not holds(repo, having):
                self.forget()
                self.refresh(repo)
            yield repo

    @contextmanager
    def holding(self, commits: Sequence[str]) -> Iterator[pygit2.Repository]:
        """Give a copy that has some commits; the remote is asked only where one is missing."""
        with self.resting() as repo:
            if not holds(repo, commits):
                self.forget()
                self.refresh(repo)
            yield repo

    @contextmanager
    def resting(self) -> Iterator[pygit2.Repository]:
        self.path.mkdir(parents=True, exist_ok=True)
        with translating(self.path), held(self.path / LOCK):
            yield pygit2.init_repository(str(self.path), bare=True, initial_head="main")

    def forget(self) -> None:
        """Ask the remote again at the next reading."""
        self.fetched_at = float("-inf")

    def refresh(self, repo: pygit2.Repository) -> None:
        if time.monotonic() - self.fetched_at < FRESH_SECONDS:
            return
        self.trying(
            lambda remote, guard: remote.fetch(self.wanted, callbacks=guard, prune=FetchPrune.PRUNE, proxy=True), repo
        )
        self.fetched_at = time.monotonic()

    def extend(
        self,
        repo: pygit2.Repository,
        branch: str,
        edits: Iterable[Edit],
        message: str,
        *,
        base: Commit | None,
        who: pygit2.Signature,
    ) -> Commit:
        """Push a commit of edits onto `branch`, which must be at `base`; the very commit there already is fine."""
        reference = HEADS + branch
        parent = refs.commit_at(repo, base) if base else None
        tree = trees.edited(repo, parent.tree if parent else None, edits)
        parents = [parent.id] if parent else []
        last = refs.commit_or_none(repo, refs.target(repo, reference))
        if last and (last.parent_ids, last.tree.id, last.message) == (parents, tree, message):
            return refs.commit_oid(last.id)
        if parent is not None and tree == parent.tree.id and last and last.id == parent.id:
            return refs.commit_oid(parent.id)
        new = repo.create_commit(None, who, who, message, tree, parents)
        self.push(repo, reference, new, parent.id if parent else None)
        return refs.commit_oid(new)

    def tag(self, repo: pygit2.Repository, name: str, commit: str, message: str, who: pygit2.Signature) -> None:
        """Push an annotated tag; the same tag twice is fine, another under its name is refused."""
        refs.tag(repo, name, commit, message, who)
        made = refs.target(repo, TAGS + name)
        if made is not None:
            self.push(repo, TAGS + name, made, None)

    def push(self, repo: pygit2.Repository, reference: str, new: pygit2.Oid, seen: pygit2.Oid | None) -> bool:
        """Move the remote's reference from `seen` (None: not there) to `new`; MovedError when it is elsewhere.

        False when it was there already: by an earlier try, or by somebody who made the same commit.
        """
        self.forget()
        moved = False

        def pushed(remote: pygit2.Remote, guard: Guard) -> None:
            nonlocal moved
            guard.expected, guard.reference, guard.new = seen, reference, new
            with suppress(SettledError):
                remote.push([f"+{new}:{reference}"], callbacks=guard, proxy=True)
                if guard.rejected is not None:
                    raise rejection(reference, guard.rejected)
                moved = True

        self.trying(pushed, repo)
        return moved

    def trying(self, act: "Callable[[pygit2.Remote, Guard], object]", repo: pygit2.Repository) -> None:
        """Do something with the remote; a passing trouble is tried again, and a push looks first whether it landed."""
        for backoff in (*BACKOFF_SECONDS, None):
            try:
                act(repo.remotes.create_anonymous(self.url), Guard(self.url, self.login))
            except pygit2.GitError as err:
                trouble = unlocked(self.path, err) or spoken(self.url, err)
                if backoff is None or not isinstance(trouble, TransientError) or isinstance(trouble, MovedError):
                    raise trouble from err
                time.sleep(backoff)
            else:
                return


def holds(repo: pygit2.Repository, commits: Iterable[str]) -> bool:
    return all(refs.commit_or_none(repo, commit) is not None for commit in commits)


class SettledError(Exception):
    """The reference is where the push would move it: an earlier try landed."""


class Guard(pygit2.RemoteCallbacks):
    """Gives the token to its own host only, and lets a push go only from where the reference was last seen."""

    def __init__(self, url: str, login: Login) -> None:
        super().__init__()
        self.url = url
        self.login = login
        self.asked = False
        self.reference = ""
        self.expected: pygit2.Oid | None = None
        self.new: pygit2.Oid | None = None
        self.rejected: str | None = None

    def credentials(
        self,
        url: str,
        username_from_url: str | None,  # noqa: ARG002 - libgit2 calls it so
        allowed_types: CredentialType,  # noqa: ARG002 - HTTP has only this kind
    ) -> pygit2.UserPass:
        if self.asked:
            raise PermanentError(f"{self.url} refuses the token", next_step="check HEADGATE_FORGE_TOKEN_FILE")
        if origin(url) != origin(self.url):
            raise PermanentError(f"{self.url} redirects to {origin(url)!r}: the token is not given to another host")
        self.asked = True
        return pygit2.UserPass(*self.login())

    def push_negotiation(self, updates: Iterable[Any]) -> None:
        for update in updates:
            there = None if update.src == ZERO else update.src
            if there == self.new:
                raise SettledError
            if there != self.expected:
                raise refs.moved(self.reference, self.expected, there)

    def push_update_reference(self, refname: str, message: str | None) -> None:  # noqa: ARG002 - one is pushed
        if message is not None:
            self.rejected = message


ZERO = pygit2.Oid(hex="0" * 40)


def unlocked(path: Path, err: pygit2.GitError) -> TransientError | None:
    """Remove the lock files that a killed process left: who holds the mirror's own lock is alone in it."""
    if "lock" not in str(err):
        return None
    for left in path.rglob("*.lock"):
        if left.name != LOCK:
            left.unlink(missing_ok=True)
    return TransientError(f"{str(path)!r} was left locked", next_step="try again")


def origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2]


def rejection(reference: str, said: str) -> HeadgateError:
    """Return the error of a push that the server refused."""
    shown = " ".join(printable(said).split())[:300]
    name = reference.removeprefix(HEADS)
    if any(words in said.lower() for words in RACED):
        return MovedError(f"{name!r} moved while it was pushed: {shown}", next_step="read it again, then retry")
    return PermanentError(
        f"the forge refuses the push to {name!r}", found=shown, next_step="may this token push there?"
    )


def spoken(url: str, err: pygit2.GitError) -> HeadgateError:
    """Return what libgit2 said of the remote."""
    said = " ".join(printable(str(err)).split())[:300]
    if any(words in said.lower() for words in RACED):
        return MovedError(f"{url} moved while it was pushed: {said}", next_step="read it again, then retry")
    if any(words in said.lower() for words in BARRED):
        return PermanentError(f"{url} refuses the token", found=said, next_step="check HEADGATE_FORGE_TOKEN_FILE")
    if "404" in said or "certificate" in said.lower():
        return PermanentError(f"cannot read {url}", found=said, next_step="check HEADGATE_FORGE")
    return TransientError(f"cannot reach {url}: {said}", next_step="try again")
