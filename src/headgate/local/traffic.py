"""Rows as real requests: what a client sends, what it counts; it never retries."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Self

import aiohttp
import msgspec
import polars as pl

from headgate.measures import FAULT_HEADER, MODEL_HEADER

TIMEOUT_SECONDS = 30.0
HEADERS = {"content-type": "application/json"}


class Step(NamedTuple):
    """Where a canary stands."""

    commit: str
    """The env repo commit it tries; empty when no canary takes traffic."""
    weight: int


NO_CANARY = Step("", 0)


class Failure(NamedTuple):
    """One request without a good answer, in wall time."""

    sent_at: datetime
    failed_at: datetime

    def within(self, begin: datetime, end: datetime) -> bool:
        """Say whether it was under way at some moment of a stretch of time."""
        return self.sent_at <= end and self.failed_at >= begin


@dataclass(slots=True)
class Counts:
    """What the client saw, since it last looked."""

    sent: int = 0
    rows: int = 0
    failed: int = 0
    """No answer in time, a broken connection, or a status other than 200."""
    slow: int = 0
    """Answers later than the limit."""
    spoiled: int = 0
    """Answers that bear a fault's header."""
    models: dict[tuple[Step, str], int] = field(default_factory=dict)
    """Answers by the canary's step when they were sent, and the header `headgate-model`."""
    reasons: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: "Counts") -> None:
        self.sent += other.sent
        self.rows += other.rows
        self.failed += other.failed
        self.slow += other.slow
        self.spoiled += other.spoiled
        for pair, count in other.models.items():
            self.models[pair] = self.models.get(pair, 0) + count
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        self.failures += other.failures


class Client:
    """Sends frames of raw rows to one address, several requests at a time."""

    def __init__(
        self,
        url: str,
        service: str,
        datatypes: Mapping[str, str],
        concurrency: int = 8,
        step: Callable[[], Step] = lambda: NO_CANARY,
    ) -> None:
        self.infer = f"{url}/v2/models/{service}/infer"
        self.datatypes = datatypes
        self.concurrency = concurrency
        self.step = step
        self.slow_seconds = 0.05
        self.counts = Counts()
        """Of every `send` that ended."""
        self.running = Counts()
        """Of the `send` under way."""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self.concurrency, keepalive_timeout=60)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=HEADERS)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, frames: Iterator[pl.DataFrame]) -> Counts:
        """Send every frame as one request; return what happened to these."""
        seen = self.running = Counts()
        # One shared iterator: each worker takes the next frame when its last answer has come (a closed loop).
        await asyncio.gather(*(self._work(frames, seen) for _ in range(self.concurrency)))
        self.running = Counts()
        self.counts.add(seen)
        return seen

    async def _work(self, frames: Iterator[pl.DataFrame], seen: Counts) -> None:
        for frame in frames:
            await self._request(frame, seen)

    async def _request(self, frame: pl.DataFrame, seen: Counts) -> None:
        if self._session is None:
            raise RuntimeError("the client is used as `async with Client(...)`")
        seen.sent += 1
        seen.rows += frame.height
        started, sent_at, step = time.monotonic(), datetime.now(UTC), self.step()
        try:
            async with self._session.post(self.infer, data=body(frame, self.datatypes)) as answer:
                content = await answer.read()
                model = answer.headers.get(MODEL_HEADER, "")
                seen.spoiled += FAULT_HEADER in answer.headers
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as err:
            fail(seen, type(err).__name__, sent_at)
            return
        if status != 200:
            fail(seen, f"{status} {content[:200].decode(errors='replace')}", sent_at)
            return
        seen.models[step, model] = seen.models.get((step, model), 0) + 1
        seen.slow += time.monotonic() - started > self.slow_seconds


def fail(seen: Counts, reason: str, sent_at: datetime) -> None:
    seen.failed += 1
    seen.failures.append(Failure(sent_at, datetime.now(UTC)))
    seen.reasons[reason] = seen.reasons.get(reason, 0) + 1


def body(frame: pl.DataFrame, datatypes: Mapping[str, str]) -> bytes:
    """Return the V2 infer request of a frame's rows; null is a missing value, times are ISO 8601."""
    inputs = [
        {"name": name, "shape": [frame.height], "datatype": datatype, "data": values(frame[name])}
        for name, datatype in datatypes.items()
        if name in frame.columns
    ]
    return msgspec.json.encode({"inputs": inputs})


def values(column: pl.Series) -> list[object]:
    if column.dtype.is_temporal():
        column = column.dt.to_string("iso:strict")
    elif column.dtype.is_decimal():
        column = column.cast(pl.Float64)
    return column.to_list()


def one_by_one(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield each row as a frame of its own."""
    return (rows.slice(at, 1) for at in range(rows.height))


def hour_by_hour(rows: pl.DataFrame, time_column: str) -> Iterator[pl.DataFrame]:
    """Yield the rows of each hour of event time together, in order."""
    for _, frame in rows.group_by(pl.col(time_column).dt.truncate("1h"), maintain_order=True):
        yield frame
