"""How many requests are computed together, and whether they are at all: what Prometheus collects."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, SummaryMetricFamily

from headgate import measures


class Counted(Protocol):
    """What is counted, since the server began."""

    is_on: bool
    batches: int
    requests: int


class BatchMetrics:
    """Exposes one model's batches; a registry collects it."""

    def __init__(self, service: str, model: str, counted: Counted) -> None:
        self.labels = [service, model]
        self.counted = counted

    def collect(self) -> Iterator[GaugeMetricFamily | SummaryMetricFamily]:
        """Yield both metrics, as a registry asks for them."""
        state = GaugeMetricFamily(
            measures.BATCHING,
            "1 while requests that wait together are computed together.",
            labels=measures.BATCH_LABELS,
        )
        state.add_metric(self.labels, float(self.counted.is_on))
        yield state
        sizes = SummaryMetricFamily(
            measures.BATCH_REQUESTS, "Requests that were computed together.", labels=measures.BATCH_LABELS
        )
        sizes.add_metric(self.labels, count_value=self.counted.batches, sum_value=self.counted.requests)
        yield sizes
