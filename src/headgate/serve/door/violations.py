"""How often does which input break its promise? Counted by input, kind and what was done about it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from threading import Lock
from urllib.parse import quote

from prometheus_client.core import CounterMetricFamily

from headgate import measures
from headgate.contract.watch import Notice

MOST_INPUTS = 100
"""Of a wider contract, inputs beyond these share one label."""
OTHER = "other"
"""Also what is said of an input whose name is not the contract's: a client's own words are never a label."""
REFUSED = "reject"
MOST_TOLD = 20
"""Notices of one answer: a router refuses long headers."""


class Violations:
    """Counts for one contract; Prometheus collects it."""

    def __init__(self, service: str, inputs: Collection[str]) -> None:
        self.service = service
        self.labels = dict.fromkeys(list(inputs)[:MOST_INPUTS])
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.lock = Lock()
        """Long requests are judged in threads."""

    def refused(self, name: str, kind: str) -> None:
        """Count a request that is refused because of one input."""
        with self.lock:
            self.counts[self.label(name), kind, REFUSED] += 1

    def noticed(self, notices: Iterable[Notice]) -> None:
        """Count a request's values that are answered all the same."""
        for notice in notices:
            with self.lock:
                self.counts[self.label(notice.input), notice.kind, notice.level] += notice.values

    def label(self, name: str) -> str:
        return name if name in self.labels else OTHER

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counter, as a registry asks for it."""
        family = CounterMetricFamily(
            measures.VIOLATIONS,
            "Refused requests (level reject) and answered values (clip, flag) that are not as the contract promises.",
            labels=measures.VIOLATIONS_LABELS,
        )
        for (name, kind, level), count in sorted(self.counts.copy().items()):
            family.add_metric([self.service, name, kind, level], count)
        yield family


def header(notices: Sequence[Notice]) -> bytes:
    """Return notices as a header's value: names percent-encoded, and not too many.

    >>> header([Notice("temp", "above", "clip", 2), Notice("größe", "unseen", "flag", 1)])
    b'temp above, gr%C3%B6%C3%9Fe unseen'
    """
    said = [f"{quote(notice.input)} {notice.kind}" for notice in notices[:MOST_TOLD]]
    more = [f"and {len(notices) - MOST_TOLD} more"] if len(notices) > MOST_TOLD else []
    return ", ".join(said + more).encode()
