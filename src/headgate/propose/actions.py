"""What a plan asks a forge to do, in order; each may be done twice."""

import msgspec

from headgate.desired import Desired
from headgate.names import Name
from headgate.records.change import Proposal, PullRequest, branch_parts
from headgate.records.codec import Record
from headgate.records.live import LiveTag


class Open(Record, frozen=True, kw_only=True, tag="open/1"):
    """Open this proposal, or adopt the pull request that has its branch."""

    proposal: Proposal


class Update(Record, frozen=True, kw_only=True, tag="update/1"):
    """Set the words of an open pull request whose edits are still right."""

    number: int
    title: str
    body: str


class Comment(Record, frozen=True, kw_only=True, tag="comment/1"):
    """Say this once."""

    number: int
    text: str


class Close(Record, frozen=True, kw_only=True, tag="close/1"):
    """Close without merging."""

    number: int


class Nothing(Record, frozen=True, kw_only=True, tag="nothing/1"):
    """There is nothing to open: why, and what a person may do about it."""

    reason: str
    next_step: str | None = None


Action = Open | Update | Comment | Close | Nothing


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is made in: an environment, what main says, what was live, what is open."""

    environment: Name
    desired: Desired
    tags: tuple[LiveTag, ...] = ()
    pull_requests: tuple[PullRequest, ...] = ()
    conflicting: tuple[int, ...] = ()
    """Numbers of open reverts that can no longer be merged: main changed what they change."""

    def of(self, purpose: str, service: str) -> list[PullRequest]:
        """Return this environment's pull requests for a purpose and a service, oldest first."""
        wanted = (purpose, self.environment, service)
        return [pull for pull in self.pull_requests if (branch_parts(pull.branch) or ())[:3] == wanted]
