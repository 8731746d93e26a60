"""A service's history as live traffic: rows sent in event time, one day after the other."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import polars as pl

from headgate.local.ring import Ring
from headgate.local.traffic import Client, hour_by_hour, one_by_one

DAY = timedelta(days=1)


class EventClock:
    """Now, in event time; it goes on with the rows that are sent."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now


class Replay:
    """Sends rows to a ring: an hour of event time a request, a row a request while a canary runs."""

    def __init__(self, ring: Ring, client: Client, clock: EventClock, time_column: str) -> None:
        self.ring = ring
        self.client = client
        self.clock = clock
        self.time_column = time_column

    async def days(self, rows: pl.DataFrame, end: datetime, evening: Callable[[pl.DataFrame], Awaitable[None]]) -> None:
        """Send each day's rows up to `end`, then wait for what `evening` makes of the day."""
        while self.clock.now < end:
            today = self.clock.now.replace(hour=0, minute=0, second=0, microsecond=0)
            tomorrow = today + DAY
            column = pl.col(self.time_column)
            flown = rows.filter(column.is_between(naive(today), naive(tomorrow), closed="left"))
            await self.client.send(self.paced(flown))
            self.clock.now = tomorrow
            await evening(flown)

    def paced(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield the next request's rows and set the clock; smaller requests as soon as a canary wants them."""
        for hour in hour_by_hour(rows, self.time_column):
            for frame in one_by_one(hour) if self.ring.in_canary else iter([hour]):
                self.clock.now = frame[self.time_column][-1].replace(tzinfo=UTC)
                yield frame


def naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
