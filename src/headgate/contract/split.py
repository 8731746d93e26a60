"""Where event time is cut: train, tune, gap, gate; and a split that fits rows nobody has tuned one for."""

from datetime import datetime, timedelta

import polars as pl

from headgate.contract.times import (
    DAY,
    TICK,
    ceil_day,
    event_times,
    first_and_last,
    floor_day,
    in_utc,
    inside,
    naive,
    round_up,
)
from headgate.records.dataset import Window
from headgate.specs.service import Split

GATE_SHARE = 0.2
TUNE_SHARE = 0.1
LEAST_SHARES = {"train": 0.45, "tune": 0.04, "gate": 0.12}
"""Of all rows; a coarser unit that leaves a part less is not taken."""
LONGEST_GATE = 90 * DAY
"""A retraining waits for fresh gate rows: a season is the most that a person waits for."""
ENOUGH_GATE_ROWS = 1000
ENOUGH_FOR_DAYS = 20 * DAY
ENOUGH_FOR_GAP = 60 * DAY
UNITS = (DAY, timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))


def windows_until(end: datetime, first: datetime, split: Split) -> dict[str, Window]:
    """Return the windows of a split whose gate ends at `end`, oldest first; train starts with the rows at `first`."""
    gate = Window(start=end - split.gate, end=end)
    tune = Window(start=gate.start - split.gap - split.tune, end=gate.start - split.gap)
    train = Window(start=min(tune.start, max(tune.start - split.train, first)), end=tune.start)
    return {"train": train, "tune": tune, "gate": gate}


def known_until(last: datetime, split: Split) -> datetime:
    """Return the end of the rows: of the last one's day where the gate takes whole days."""
    return ceil_day(last) if whole_days(split) else last + TICK


def matured_end(matured: datetime, last: datetime, split: Split) -> datetime:
    """Return where a gate as late as possible ends: labels matured, rows there, at midnight where it takes days."""
    end = min(matured, known_until(last, split))
    return floor_day(end) if whole_days(split) else end


def whole_days(split: Split) -> bool:
    return split.gate % DAY == timedelta(0)


def fitting_split(rows: pl.DataFrame, time: str, matures_after: timedelta = timedelta(0)) -> Split:
    """Return a split that `cut` can make of these rows: the last fifth for the gate, a tenth for tuning.

    Whole days where the rows span twenty, a day's gap where they span sixty; a finer unit and no gap where the rows
    lie too unevenly for that.
    The gate takes at most 90 days when these hold a thousand rows.
    """
    times = event_times(rows, time).sort()
    first, last = first_and_last(times)
    units = UNITS if last - first >= ENOUGH_FOR_DAYS else UNITS[1:]
    gaps = (DAY, timedelta(0)) if last - first >= ENOUGH_FOR_GAP else (timedelta(0),)
    splits = [split_in(unit, gap, times, matures_after) for gap in gaps for unit in units]
    return next((split for split in splits if fills(split, times, matures_after)), splits[-1])


def split_in(unit: timedelta, gap: timedelta, times: pl.Series, matures_after: timedelta) -> Split:
    """Return the split whose lengths are multiples of `unit`."""
    first, last = first_and_last(times)
    end = (ceil_day(last) if unit == DAY else last + TICK) - matures_after
    end = floor_day(end) if unit == DAY else end
    known = times.filter(times < naive(end))
    gate = round_up(end - at_share(known, 1 - GATE_SHARE, end), unit)
    if gate > LONGEST_GATE and (known >= naive(end - LONGEST_GATE)).sum() >= ENOUGH_GATE_ROWS:
        gate = LONGEST_GATE
    tune_end = end - gate - gap
    before = known.filter(known < naive(tune_end))
    tune = round_up(tune_end - at_share(before, 1 - TUNE_SHARE / (1 - GATE_SHARE), tune_end), unit)
    return Split(train=round_up(last + TICK - first, DAY), tune=tune, gap=gap, gate=gate)


def fills(split: Split, times: pl.Series, matures_after: timedelta) -> bool:
    """Say whether each part gets its least share of the rows."""
    first, last = first_and_last(times)
    end = matured_end(known_until(last, split) - matures_after, last, split)
    parts = windows_until(end, first, split)
    return all(inside(times, parts[part]).sum() >= share * times.len() for part, share in LEAST_SHARES.items())


def at_share(times: pl.Series, share: float, otherwise: datetime) -> datetime:
    """Return the time that this share of sorted times is before."""
    return in_utc(times[min(times.len() - 1, int(share * times.len()))]) if times.len() else otherwise
