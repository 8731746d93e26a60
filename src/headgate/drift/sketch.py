"""What were a server's rows like? Profiles by event day, small, and exact when those of many servers are added up."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from functools import reduce

from headgate.errors import PermanentError
from headgate.names import DigestField, NameField
from headgate.records.codec import Part, Record
from headgate.records.dataset import Window
from headgate.stats import profile
from headgate.stats.profile import Profile

MIDNIGHT = time()


class SketchDay(Part, frozen=True, kw_only=True):
    """One event day of one model's answered rows."""

    day: str
    """UTC, as 2013-01-31."""
    rows: int
    columns: dict[str, Profile]
    """Features by name, and the model's answers: `score`, or `score.<class>`."""


class Sketch(Record, frozen=True, kw_only=True, tag="sketch/1"):
    """The answered rows of one model, in the bins of its drift reference where the server was given one."""

    service: NameField
    model: DigestField
    reference: DigestField | None = None
    """Whose bins these are; None: bins made from the contract, which nothing is compared with."""
    days: tuple[SketchDay, ...]
    """By day; the least filled are dropped where rows come from too many."""
    skipped: int = 0
    """Answered rows that are counted in no day."""


def merge(one: Sketch, other: Sketch) -> Sketch:
    """Return the sketch of both servers' rows: exact, in any order."""
    for what in ("service", "model", "reference"):
        if getattr(one, what) != getattr(other, what):
            raise PermanentError(
                f"sketches of another {what} don't add up: {getattr(one, what)!r} and {getattr(other, what)!r}",
                next_step="give those of one model, served with one --reference",
            )
    days: dict[str, SketchDay] = {}
    for day in (*one.days, *other.days):
        days[day.day] = together(days[day.day], day) if day.day in days else day
    return Sketch(
        service=one.service,
        model=one.model,
        reference=one.reference,
        days=tuple(days[day] for day in sorted(days)),
        skipped=one.skipped + other.skipped,
    )


def together(one: SketchDay, other: SketchDay) -> SketchDay:
    """Return a day's rows from two sketches."""
    return SketchDay(day=one.day, rows=one.rows + other.rows, columns=added(one.columns, other.columns))


def added(one: Mapping[str, Profile], other: Mapping[str, Profile]) -> dict[str, Profile]:
    """Return the profiles of both; a column that one lacks counts no rows there."""
    return {
        name: profile.merge(one[name], other[name]) if name in one and name in other else (one.get(name) or other[name])
        for name in {**one, **other}
    }


def within(sketch: Sketch, window: Window) -> SketchDay:
    """Return the whole window's rows as one; a window of whole days, as a sketch counts no hours."""
    if any(utc(moment).time() != MIDNIGHT for moment in (window.start, window.end)):
        raise PermanentError(
            f"a sketch counts whole days (UTC), and the window is {window.start} to {window.end}",
            next_step="set drift.window to whole days, as P7D, or read the prediction log: headgate drift",
        )
    first, last = (utc(moment).date().isoformat() for moment in (window.start, window.end))
    found = [day for day in sketch.days if first <= day.day < last]
    return reduce(together, found, SketchDay(day=first, rows=0, columns={}))


def utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
