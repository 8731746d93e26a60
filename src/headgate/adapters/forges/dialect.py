"""What differs between forges: how a thing is asked for, and how the answer reads. Pure; `hosted` does the talking."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from headgate.adapters.forges.rest import SHOWN, RefusedError, Request
from headgate.errors import TransientError
from headgate.names import Commit


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """A pull request as a forge's API tells it, from a branch of the repository itself onto main."""

    number: int
    state: Literal["open", "merged", "closed"]
    title: str
    body: str
    branch: str
    head: Commit
    base: Commit
    """The forge's idea of the base; Git's is asked first."""
    url: str
    author: str
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    merged_by: str | None
    merge_commit: Commit | None
    comments: int | None
    """How many, None where a list of pull requests doesn't tell."""
    checking: bool = False
    """Whether the forge still looks if it can be merged, and refuses until it knows."""


class Comment(NamedTuple):
    """A comment and the pull request it is on, 0 where the answer doesn't say."""

    pull: int
    text: str


class Status(NamedTuple):
    """A commit's status of one context, in the port's words."""

    context: str
    state: str
    detail: str
    serial: int = 0
    """Of one context the highest counts."""
    native: str = ""
    """The forge's own word for the state."""


class Dialect(Protocol):
    """Builds requests and reads answers; `read_pulls` leaves out forks' pull requests and those onto other branches."""

    name: ClassVar[str]
    user: ClassVar[str]
    """The name that goes with a token where Git asks for one."""
    heads: ClassVar[str]
    """References of pull requests' heads: they outlive the branches."""
    per_page: ClassVar[Mapping[str, str]]
    detail_limit: ClassVar[int]
    """Characters of a status that are kept."""
    styles: ClassVar[tuple[str, ...]]
    """How to merge, in the order of liking: a repository may forbid some."""

    @property
    def api(self) -> str:
        """Return the repository's URL in the API."""

    @property
    def git(self) -> str:
        """Return the repository's own URL, for Git."""

    def headers(self, token: str) -> Mapping[str, str]: ...
    def pulls(self, branch: str | None = None) -> Request: ...
    def read_pulls(self, content: bytes) -> list[Pull]: ...
    def pull(self, number: int) -> Request: ...
    def read_pull(self, content: bytes) -> Pull: ...
    def open(self, branch: str, title: str, body: str) -> Request: ...
    def edit(self, number: int, title: str, body: str) -> Request: ...
    def close(self, number: int) -> Request: ...
    def merge(self, pull: Pull, message: str, style: str) -> Request: ...
    def comments(self, number: int) -> Request: ...
    def every_comment(self) -> Request | None:
        """Ask for all pull requests' comments at once, None where the forge cannot tell them so."""

    def read_comments(self, content: bytes) -> list[Comment]: ...
    def comment(self, number: int, text: str) -> Request: ...
    def statuses(self, commit: Commit) -> Request: ...
    def read_statuses(self, content: bytes) -> list[Status]: ...
    def set_status(self, commit: Commit, status: Status, before: Status | None) -> list[Request]: ...
    def is_passing(self, refusal: RefusedError) -> bool:
        """Say whether a merge was refused only until the forge has looked at the branch, by the refusal's words."""

    def forbids_style(self, refusal: RefusedError) -> bool:
        """Say whether a merge was refused because the repository wants another style."""


Answer = TypeVar("Answer")


def parsed(content: bytes, kind: type[Answer], forge: str) -> Answer:
    """Return an answer as the type it must have; anything else is a proxy's page, or an API we don't know."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as err:
        raise TransientError(
            f"{forge} answers what Headgate cannot read: {err}",
            found=content[:SHOWN].decode(errors="replace"),
            next_step="is the URL in HEADGATE_FORGE the forge's own?",
        ) from err
