"""What of a sketch Prometheus reads: counts of odd values, and the answers as a histogram; the rest is at /sketch."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from headgate import measures
from headgate.drift.sketch import SketchDay
from headgate.stats.profile import Categories, Numbers, Profile

MOST_OUTPUTS = 10
"""Classes whose scores are shown."""


class Counted(Protocol):
    """What is counted, since the server began."""

    @property
    def total(self) -> SketchDay:
        """Return it by column."""

    @property
    def skipped(self) -> int:
        """Return how many answered rows are counted nowhere."""


class SketchMetrics:
    """Exposes one model's totals; a registry collects it."""

    def __init__(self, service: str, model: str, counted: Counted) -> None:
        self.labels = [service, model]
        self.counted = counted

    def collect(self) -> Iterator[Metric]:
        """Yield rows, odd values of features, and scores."""
        total = self.counted.total
        yield self.counter(measures.SKETCH_ROWS, "Answered rows that are sketched.", total.rows)
        yield self.counter(measures.SKETCH_SKIPPED, "Answered rows that are not.", self.counted.skipped)
        yield self.odd(total.columns)
        yield self.scores(total.columns)

    def counter(self, name: str, text: str, value: int) -> CounterMetricFamily:
        family = CounterMetricFamily(name, text, labels=measures.SKETCH_LABELS)
        family.add_metric(self.labels, value)
        return family

    def odd(self, columns: Mapping[str, Profile]) -> CounterMetricFamily:
        family = CounterMetricFamily(measures.ODD_VALUES, "Odd values of features.", labels=measures.ODD_VALUES_LABELS)
        for name, profile in columns.items():
            for kind, count in odd_of(profile):
                if count:
                    family.add_metric([*self.labels, name, kind], count)
        return family

    def scores(self, columns: Mapping[str, Profile]) -> HistogramMetricFamily:
        family = HistogramMetricFamily(measures.SCORES, "The model's answers.", labels=measures.SCORES_LABELS)
        named = [name for name in columns if name == "score" or name.startswith("score.")]
        for name in named[:MOST_OUTPUTS]:
            if isinstance(profile := columns[name], Numbers):
                family.add_metric([*self.labels, name], buckets_of(profile), sum_value=None)
        return family


def odd_of(profile: Profile) -> tuple[tuple[str, int], ...]:
    """Return how many values are null, infinite, or outside the bins.

    >>> odd_of(Categories(known=("a",), counts=(5,), unseen=2))
    (('null', 0), ('unseen', 2))
    """
    if isinstance(profile, Categories):
        return ("null", profile.nulls), ("unseen", profile.unseen)
    outside = profile.counts[0] + profile.counts[-1] if profile.cuts else 0
    return ("null", profile.nulls), ("infinite", profile.infinite), ("outside", outside)


def buckets_of(profile: Numbers) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound, as a histogram has them."""
    bounds = [*map(repr, profile.cuts), "+Inf"]
    return list(zip(bounds, map(float, accumulate(profile.counts)), strict=True))
