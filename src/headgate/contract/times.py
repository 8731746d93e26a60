"""Event times: any time column as naive UTC, and its days."""

import math
from datetime import UTC, datetime, timedelta

import polars as pl

from headgate.errors import PermanentError
from headgate.names import did_you_mean
from headgate.records.dataset import Window
from headgate.specs.reading import show_duration

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def event_times(rows: pl.DataFrame, column: str) -> pl.Series:
    """Return a time column as naive UTC microseconds; refuse what is not a time, and missing times."""
    if column not in rows.columns:
        raise PermanentError(
            f"rows have no time column {column!r}.{did_you_mean(column, rows.columns)}",
            found=", ".join(rows.columns[:40]),
        )
    times = as_naive_utc(rows[column])
    if missing := times.null_count():
        raise PermanentError(
            f"time column {column!r} is empty in {missing:,} of {rows.height:,} rows",
            next_step="leave rows without an event time out in the reader",
        )
    return times


def as_naive_utc(times: pl.Series) -> pl.Series:
    """Return datetimes or dates as naive UTC microseconds."""
    if isinstance(times.dtype, pl.Datetime):
        in_zone = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if times.dtype.time_zone else times
        return in_zone.dt.cast_time_unit("us")
    if times.dtype == pl.Date:
        return times.cast(pl.Datetime("us"))
    raise PermanentError(
        f"time column {times.name!r} is {str(times.dtype).lower()}, not a time",
        found=", ".join(repr(value) for value in times.head(3).to_list()),
        next_step="write times like 2013-01-31T08:00:00",
    )


def inside(times: pl.Series, window: Window) -> pl.Series:
    """Return which naive UTC times are in a half-open window."""
    return times.is_between(naive(window.start), naive(window.end), closed="left")


def first_and_last(times: pl.Series) -> tuple[datetime, datetime]:
    """Return the earliest and latest of naive UTC times, as UTC."""
    return in_utc(times.min()), in_utc(times.max())


def in_utc(moment: object) -> datetime:
    """Return a datetime as UTC; a naive one means UTC.

    >>> in_utc(datetime(2013, 1, 31)).isoformat()
    '2013-01-31T00:00:00+00:00'
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"expected a datetime, found {moment!r}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def naive(moment: datetime) -> datetime:
    """Return a datetime as naive UTC."""
    return in_utc(moment).replace(tzinfo=None)


def floor_day(moment: datetime) -> datetime:
    """Return the midnight at or before a moment."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def ceil_day(moment: datetime) -> datetime:
    """Return the midnight after a moment: the half-open end of its day."""
    return floor_day(moment) + DAY


def round_up(length: timedelta, unit: timedelta) -> timedelta:
    """Return the smallest multiple of `unit` that holds `length`, at least one.

    >>> round_up(timedelta(hours=30), DAY)
    datetime.timedelta(days=2)
    """
    return max(1, math.ceil(length / unit)) * unit


def show_time(moment: datetime) -> str:
    """Return a moment as people read it.

    >>> show_time(datetime(2013, 1, 31, tzinfo=UTC)), show_time(datetime(2013, 1, 31, 8, 15, tzinfo=UTC))
    ('2013-01-31', '2013-01-31T08:15:00')
    """
    text = naive(moment).isoformat(timespec="seconds")
    return text.removesuffix("T00:00:00")


def show_window(window: Window) -> str:
    """Return a half-open window as people read it."""
    return f"{show_time(window.start)} to {show_time(window.end)}"


def show_length(length: timedelta) -> str:
    """Return a length in days where that says it, else as ISO 8601.

    >>> show_length(timedelta(days=12, hours=3)), show_length(timedelta(hours=3))
    ('12.1 days', 'PT3H')
    """
    return (
        f"{length / DAY:.3g} days" if length >= DAY else show_duration(timedelta(seconds=round(length.total_seconds())))
    )
