"""A split that the rows at hand can fill, for a service nobody has tuned yet."""

from datetime import datetime, timedelta

import polars as pl

from headgate.contract.times import DAY, TICK, ceil_day, event_times, first_and_last, in_utc, round_up
from headgate.specs.service import Split

GATE_SHARE = 0.2
TUNE_SHARE = 0.1
LONGEST_GATE = 90 * DAY
"""A retraining waits for fresh gate rows: a season is the most that a person waits for."""
ENOUGH_GATE_ROWS = 1000
UNITS = (timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(milliseconds=1))


def fitting_split(rows: pl.DataFrame, time: str, matures_after: timedelta = timedelta(0)) -> Split:
    """Return a split that `cut` can make of these rows: the last fifth is for the gate, a tenth for tuning.

    Whole days when the rows span twenty; a day's gap when they span sixty. The gate takes at most 90 days
    when these hold a thousand rows.
    """
    times = event_times(rows, time).sort()
    first, last = first_and_last(times)
    span = last + TICK - first
    unit = DAY if span >= 20 * DAY else next((unit for unit in UNITS if span >= 100 * unit), TICK)
    end = ceil_day(last) if unit == DAY else last + TICK
    known = times.filter(times < (end - matures_after).replace(tzinfo=None))
    end -= round_up(matures_after, unit) if matures_after else timedelta(0)
    gate = round_up(end - at_share(known, 1 - GATE_SHARE), unit)
    recent = known.filter(known >= (end - LONGEST_GATE).replace(tzinfo=None))
    if gate > LONGEST_GATE and recent.len() >= ENOUGH_GATE_ROWS:
        gate = LONGEST_GATE
    gap = DAY if span >= 60 * DAY else timedelta(0)
    before = known.filter(known < (end - gate - gap).replace(tzinfo=None))
    tune = (
        round_up(end - gate - gap - at_share(before, 1 - TUNE_SHARE / (1 - GATE_SHARE)), unit) if before.len() else unit
    )
    return Split(train=round_up(span, DAY), tune=tune, gap=gap, gate=gate)


def at_share(times: pl.Series, share: float) -> datetime:
    """Return the time that this share of sorted times is before."""
    return in_utc(times[min(times.len() - 1, int(share * times.len()))])
