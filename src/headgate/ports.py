"""What the outside world must be able to do; each adapter passes the port's one contract test."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from headgate.names import Commit, Digest, Uri
from headgate.records.change import Edit, Proposal, PullRequest
from headgate.records.cluster import Order, Rollout, Unreadable, Workflow
from headgate.records.live import Track


class Store(Protocol):
    """Keeps immutable folders and documents by URI; nothing half written is ever visible."""

    def put(self, uri: Uri, content: bytes) -> None:
        """Keep `content`; the same content twice is fine, other content under a kept URI is an error."""

    def get(self, uri: Uri) -> bytes:
        """Return what was kept; PermanentError when nothing was."""

    def put_folder(self, uri: Uri, folder: Path) -> None:
        """Keep every file of `folder`, visible all at once; an existing folder is left as it is."""

    def folder(self, uri: Uri) -> Path:
        """Return a local folder with the kept files; TransientError while it is not (yet) there."""

    def has(self, uri: Uri) -> bool:
        """Say whether `uri` is kept."""

    def uris(self, prefix: str) -> list[Uri]:
        """Return the URIs of documents under `prefix`, sorted."""


class LogEntry(msgspec.Struct, frozen=True):
    """One commit of a file's history."""

    commit: Commit
    parents: tuple[Commit, ...]
    author: str
    committer: str
    at: datetime
    message: str


class Tag(msgspec.Struct, frozen=True):
    """An annotated tag."""

    name: str
    commit: Commit
    message: str
    at: datetime


class Forge(Protocol):
    """A Git repository with pull requests. Reads are at a commit; every write is idempotent."""

    def head(self, branch: str = "main") -> Commit | None:
        """Return the commit of a branch, None when there is no such branch."""

    def read(self, path: str, at: Commit) -> str | None:
        """Return a file's text at a commit, None when it is not there."""

    def paths(self, prefix: str, at: Commit) -> list[str]:
        """Return the paths of all files under `prefix` at a commit, sorted."""

    def log(self, path: str, at: Commit, limit: int = 50) -> list[LogEntry]:
        """Return the commits that changed `path`, newest first, on the first-parent line."""

    def commit(self, edits: Iterable[Edit], message: str, base: Commit | None, branch: str = "main") -> Commit:
        """Commit edits onto `branch`, which must still be at `base` (MovedError otherwise)."""

    def pull_requests(self, service: str | None = None) -> list[PullRequest]:
        """Return pull requests whose branch is `<purpose>/<environment>/<service>/…`, oldest first."""

    def open(self, proposal: Proposal) -> PullRequest:
        """Open the proposal, or adopt the pull request whose branch already is the proposal's."""

    def update(self, number: int, title: str, body: str) -> PullRequest:
        """Set title and body in place."""

    def comment(self, number: int, text: str) -> None:
        """Add a comment once; the same text twice is one comment."""

    def close(self, number: int, by: str) -> PullRequest:
        """Close without merging; closed or merged already is fine."""

    def merge(self, number: int, by: str, at: datetime | None = None) -> PullRequest:
        """Merge; merged already is fine; a conflict or a blocking status is a PermanentError."""

    def tags(self, prefix: str) -> list[Tag]:
        """Return annotated tags under `prefix`, sorted by their number."""

    def tag(self, name: str, commit: Commit, message: str, at: datetime | None = None) -> None:
        """Create an annotated tag; the same tag twice is fine."""

    def set_status(self, commit: Commit, context: str, state: str, detail: str) -> None:
        """Set a commit status: `pending`, `success` or `failure`."""

    def statuses(self, commit: Commit) -> Mapping[str, tuple[str, str]]:
        """Return context → (state, detail)."""


class TrackedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One pipeline run as the tracker shows it."""

    service: str
    run: str
    """The run's name: `ct-flights-1f0c2a`."""
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    documents: dict[str, str]
    """File name → text: verdict.json, model-card.md, …"""
    model_uri: Uri
    model_sha256: Digest
    trials: tuple[tuple[dict[str, str], float], ...] = ()
    started_at: datetime
    ended_at: datetime


class Tracker(Protocol):
    """Shows runs and model versions to people; never a source of truth."""

    def record(self, run: TrackedRun) -> str:
        """Log the run once and register its model once, found again by digest; return the version."""


class Count(msgspec.Struct, frozen=True):
    """Cumulative counts of one track since a moment: how many requests, and how many broke the limit."""

    requests: int
    bad: int


class Metrics(Protocol):
    """Answers a canary's questions from counters."""

    def ask(self, question: str, limit: float, service: str, track: Track, since: datetime) -> Count | None:
        """Return counts since the step began, None when there is no data; TransientError when unreachable."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a topic, as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    """None: a tombstone."""
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def place(self) -> str:
        """Return where it stands: `requests/0/42`, for ever the same."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Letter(msgspec.Struct, frozen=True, gc=False):
    """One message to be written."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Stream(Protocol):
    """Topics of which one is read by a group, each message at least once; a stream that failed is opened anew."""

    async def open(self) -> None:
        """Begin after the last committed message, at the first one of all where none was; TransientError: try again."""

    async def take(self, most: int, seconds: float) -> Sequence[Message]:
        """Return at most so many messages, those of a partition in order; none when none came in that time."""

    async def give(self, letters: Sequence[Letter]) -> frozenset[int]:
        """Return once all are kept for good, but for those whose places are returned: too long for their topic."""

    async def commit(self, messages: Sequence[Message]) -> None:
        """Remember that these need not be read again; a partition that another process has by now is left to it."""

    async def lag(self) -> Mapping[int, int]:
        """Return how many messages of each partition wait; TransientError where that cannot be known."""

    def lost(self) -> int:
        """Return how many messages were gone before they could be read, since this was last asked."""

    async def close(self) -> None:
        """Leave the topics to others, in whatever state it is; what was taken and not committed comes again."""


class Cluster(Protocol):
    """Where services run and pipelines are started; every write may be done twice."""

    def rollouts(self) -> tuple[list[Rollout], list[Unreadable]]:
        """Return every Rollout that bears our label, by namespace and name, and those nobody can read."""

    def workflows(self) -> tuple[list[Workflow], list[Unreadable]]:
        """Return every Workflow that bears our label, by name, and those nobody can read."""

    def start(self, order: Order) -> bool:
        """Create a Workflow: True, or False when one of its name is there already, whatever became of it."""

    def abort(self, rollout: Rollout) -> None:
        """Put all traffic back on stable; one that is aborted already is fine, one that is gone too."""

    def promote(self, rollout: Rollout) -> None:
        """Skip the remaining steps of this very revision; MovedError when the Rollout has another one meanwhile."""

    def touch(self, rollout: Rollout, words: str) -> None:
        """Have its controller look at a Rollout anew, by words it has not read; MovedError when it has other pods."""
