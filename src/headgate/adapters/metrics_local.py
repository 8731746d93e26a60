"""Metrics without a Prometheus: each server's own /metrics, read over HTTP and counted since a step began."""

import http.client
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from headgate.errors import PermanentError, TransientError
from headgate.measures import SERVICE, SHARES, Series
from headgate.names import did_you_mean
from headgate.ports import Count
from headgate.records.live import Track

LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
PAGE_BYTES = 8 * 1024 * 1024

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A counter: its metric and its labels, sorted."""


@dataclass(slots=True, eq=False)
class Scraped:
    """One server's counters: as last read, and how far they grew in all, restarts included."""

    url: str
    last: dict[Key, float] = field(default_factory=dict)
    grown: dict[Key, float] = field(default_factory=dict)
    baseline: dict[Key, float] = field(default_factory=dict)
    gone: bool = False
    """No longer a server of its track: what it counted in this step stays, and it is not read any more."""

    def add(self, page: dict[Key, float]) -> None:
        """Take in a reading; a counter below its last value began again from 0."""
        for key, value in page.items():
            before = self.last.get(key, 0.0)
            self.grown[key] = self.grown.get(key, 0.0) + (value - before if value >= before else value)
        self.last = page

    def since(self) -> dict[Key, float]:
        """Return how far each counter grew since the step began."""
        return {key: value - self.baseline.get(key, 0.0) for key, value in self.grown.items()}


class LocalMetrics:
    """Answers a canary's questions from the servers of each track; it waits for them, so ask it from a thread."""

    def __init__(self, deadline_seconds: float = 2.0) -> None:
        self.deadline_seconds = deadline_seconds
        self._tracks: dict[Track, list[Scraped]] = {"stable": [], "canary": []}
        self._began: dict[Track, datetime] = {}

    def watch(self, track: Track, urls: Sequence[str]) -> None:
        """Make the servers at `urls` a track's; an unknown one is new: it counts from 0."""
        known = {each.url: each for track_ in self._tracks.values() for each in track_ if not each.gone}
        now = [known.get(url) or Scraped(url) for url in urls]
        left = [each for each in self._tracks[track] if each not in now]
        for each in left:
            each.gone = not any(each in others for name, others in self._tracks.items() if name != track)
        self._tracks[track] = [*now, *(each for each in left if each.gone)]

    def begin(self, since: datetime) -> None:
        """Count from now on for the step that begins at `since`; TransientError when a server cannot be reached."""
        for track in self._tracks:
            self._read(track)
            self._rebase(track, since)

    def ask(self, question: str, limit: float, service: str, track: Track, since: datetime) -> Count | None:
        """Return counts since the step began, None when there is no data; TransientError when unreachable.

        A `since` that `begin` was not told of counts from the last reading before it.
        """
        if question not in SHARES:
            raise PermanentError(f"nothing counts {question!r}.{did_you_mean(question, SHARES)}")
        if self._began.get(track) != since:
            self._rebase(track, since)
        self._read(track)
        share, bound = SHARES[question], limit / 1000
        total = self._sum(share.total, service, track, bound)
        if total is None:
            return None
        if share.good is None:
            return Count(total, self._sum(share.bad or share.total, service, track, bound) or 0)
        good = self._sum(share.good, service, track, bound)
        if good is None:
            raise PermanentError(
                f"{question} cannot be counted: no server's {share.good.metric} ends at {bound:g} s",
                next_step="choose one of the histogram's bounds as limit",
            )
        return Count(total, total - good)

    def _rebase(self, track: Track, since: datetime) -> None:
        self._began[track] = since
        self._tracks[track] = [each for each in self._tracks[track] if not each.gone]
        for each in self._tracks[track]:
            each.baseline = dict(each.grown)

    def _read(self, track: Track) -> None:
        for each in self._tracks[track]:
            if not each.gone:
                each.add(dict(parse(fetch(each.url, self.deadline_seconds))))

    def _sum(self, series: Series, service: str, track: Track, bound: float) -> int | None:
        counts = matcher(series, service, bound)
        grown = [value for each in self._tracks[track] for key, value in each.since().items() if counts(key)]
        return round(sum(grown)) if grown else None


def matcher(series: Series, service: str, bound: float) -> Callable[[Key], bool]:
    """Return the test whether a counter is one of the series."""

    def counts(key: Key) -> bool:
        metric, labels = key[0], dict(key[1])
        if metric != series.metric or labels.get(SERVICE) != service:
            return False
        if series.label is None:
            return True
        value = labels.get(series.label, "")
        if series.pattern == "{bound}":
            return math.isclose(float(value or "nan"), bound)
        return re.fullmatch(series.pattern, value) is not None

    return counts


def fetch(url: str, deadline_seconds: float) -> str:
    """Return a server's /metrics; TransientError when there is none in time."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=deadline_seconds)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read(PAGE_BYTES).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as err:
        raise TransientError(f"no metrics from {url}: {err or type(err).__name__}") from err
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise TransientError(f"no metrics from {url}: status {answer.status}", found=text[:200])
    return text


def parse(page: str) -> Iterator[tuple[Key, float]]:
    r"""Yield the counters of a page in Prometheus' text format; other lines are passed over.

    >>> list(parse('# HELP a b\na_total{code="200"} 3.0'))
    [(('a_total', (('code', '200'),)), 3.0)]
    """
    for line in page.splitlines():
        if found := LINE.match(line):
            metric, labels, value = found.groups()
            yield (metric, tuple(sorted(LABEL.findall(labels or "")))), number(value)


def number(text: str) -> float:
    """Return a sample's value; what is no number counts as 0."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0
