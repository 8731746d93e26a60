"""What a plan asks to be done, in order; each may be done twice, and by two replicas at once."""

import msgspec

from headgate.names import Commit
from headgate.propose.actions import Close, Comment, Nothing, Open, Update
from headgate.records.cluster import Rollout
from headgate.records.live import LiveTag


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Set the canary's status on a commit."""

    commit: Commit
    state: str
    detail: str


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """Tag a commit with what became of it."""

    record: LiveTag

    @property
    def name(self) -> str:
        """The tag's name; its number is the lock."""
        tag = self.record
        return f"{tag.outcome}/{tag.environment}/{tag.service}/{tag.seq}"


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """Merge a pull request as promotion.yaml lets us."""

    number: int
    rule: str


class Abort(msgspec.Struct, frozen=True, kw_only=True):
    """End a canary that was held too long; nobody is blamed."""

    rollout: Rollout
    reason: str


class Promote(msgspec.Struct, frozen=True, kw_only=True):
    """Let a revision that was live before skip its steps."""

    rollout: Rollout
    reason: str


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """Have a Rollout's controller look at it anew: it has not seen what it should run."""

    rollout: Rollout
    reason: str


Action = Mark | Tag | Merge | Abort | Promote | Touch | Open | Update | Comment | Close | Nothing
