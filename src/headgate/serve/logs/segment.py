"""What a file of the prediction log begins with, and which day's it is: all that its writer need know."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from headgate.names import Digest, Name
from headgate.specs.contract import ColumnType
from headgate.specs.service import Task

DAY_MICROSECONDS = 86_400_000_000


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """By which chance an experiment had this model answer."""

    experiment: str
    key: str
    """The input by whose value rows were divided."""
    arm: str
    propensity: float
    classes: tuple[str, ...] = ()
    """What a label may be, in the order of the model's codes."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a file: what its lines hold."""

    log: Literal[1] = 1
    service: Name
    model: Digest
    task: Task
    classes: tuple[str, ...]
    time: str | None
    """Event time's column; without one an answer's own time is its event time."""
    id: tuple[str, ...]
    columns: dict[str, ColumnType]
    assignment: Assignment | None = None
    """None: no chance decided who answered."""
    share: float = 1.0
    """The chance by which a row came to be logged, the same for all: estimates need no weights."""


def day_of(stamp: int) -> str:
    """Return the UTC day of microseconds since 1970.

    >>> day_of(1_356_998_400_000_000)
    '2013-01-01'
    """
    return day_text(stamp // DAY_MICROSECONDS)


@lru_cache(maxsize=4096)
def day_text(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
