"""What is kept of a model's training rows? Light to read: a server counts in these bins, and compares nothing."""

import msgspec

from headgate.names import DigestField, NameField
from headgate.records.codec import Part, Record
from headgate.stats.profile import Profile


class Null(Part, frozen=True, kw_only=True):
    """The largest that blocks of the reference differ from the rest of it."""

    blocks: int
    distances: dict[str, float] = msgspec.field(default_factory=dict)
    """By method."""
    shares: dict[str, float] = msgspec.field(default_factory=dict)
    """Largest change of the missing, infinite and unseen share."""


class ColumnReference(Part, frozen=True, kw_only=True):
    """One column: its profile, and how far its own blocks are from one another."""

    name: str
    profile: Profile
    null: Null
    is_score: bool = False
    expected: bool = False
    """A calendar column or an id: it moves with time, by its nature."""


class Reference(Record, frozen=True, kw_only=True, tag="drift-reference/1"):
    """All columns' profiles, small enough to keep beside the model (about 1 KB a column)."""

    service: NameField
    model: DigestField
    block: str
    """Length of a block and of the windows it judges, ISO 8601."""
    rows: int
    columns: tuple[ColumnReference, ...]
    left_out: tuple[str, ...] = ()
    """Features that are neither numbers nor categories."""
