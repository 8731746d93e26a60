"""A change of desired state: planned, opened, merged."""

from datetime import datetime
from typing import Literal

from headgate.names import CommitField, DigestField, NameField
from headgate.records.codec import Part, Record

BRANCH_DEPTH = 4


def branch_parts(branch: str) -> tuple[str, str, str, str] | None:
    """Return (purpose, environment, service, leaf) of a branch that Headgate names, None of any other.

    >>> branch_parts("promote/prod/flights/9be2f7000000-1")
    ('promote', 'prod', 'flights', '9be2f7000000-1')
    """
    found = branch.split("/")
    return (found[0], found[1], found[2], found[3]) if len(found) == BRANCH_DEPTH else None


class Edit(Part, frozen=True, kw_only=True):
    """New text of one file of the env repo; None deletes it."""

    path: str
    text: str | None


class Proposal(Record, frozen=True, kw_only=True, tag="proposal/1"):
    """A planned edit of the env repo: everything a forge needs to open a pull request."""

    purpose: Literal["promote", "revert", "unban", "settings", "retire"]
    service: NameField
    environment: NameField
    base: CommitField
    branch: str
    title: str
    body: str
    edits: tuple[Edit, ...]
    model: DigestField | None = None
    settings: DigestField | None = None
    """Digest of the serving settings the model would run with; with `model` the pair that a ban names."""


class PullRequest(Record, frozen=True, kw_only=True, tag="pull-request/1"):
    """An opened Proposal as the forge knows it."""

    number: int
    state: Literal["open", "merged", "closed"]
    title: str
    body: str
    branch: str
    base: CommitField
    head: CommitField
    url: str | None
    author: str
    opened_at: datetime
    closed_at: datetime | None = None
    merged_by: str | None = None
    merge_commit: CommitField | None = None
    comments: tuple[str, ...] = ()
