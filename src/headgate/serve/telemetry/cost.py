"""What does a thousand predictions cost? The machine's price an hour, over the rows it answered since it began."""

import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from headgate import measures

HOUR_SECONDS = 3600


class Cost:
    """Prices answered rows where a price is stated; who counts them anyway says how many."""

    def __init__(self, names: Sequence[str], rows: Callable[[], int], price_per_hour: float | None = None) -> None:
        self.labels = list(names)
        self.rows = rows
        self.price_per_hour = price_per_hour
        self.began = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        """Yield rows, price and cost, as a registry asks for them."""
        counter = CounterMetricFamily(measures.PREDICTIONS, "Answered rows.", labels=measures.PREDICTIONS_LABELS)
        counter.add_metric(self.labels, self.rows())
        yield counter
        if self.price_per_hour is not None:
            hours = (time.monotonic() - self.began) / HOUR_SECONDS
            yield self.gauge(measures.PRICE, "Stated price of this server, an hour.", self.price_per_hour)
            yield self.gauge(
                measures.COST, "Of 1,000 rows since it began.", cost(self.price_per_hour, hours, self.rows())
            )

    def gauge(self, name: str, text: str, value: float) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=measures.PREDICTIONS_LABELS)
        family.add_metric(self.labels, value)
        return family


def cost(price_per_hour: float, hours: float, rows: int) -> float:
    """Return what 1,000 rows cost; without a row there is no such price.

    >>> cost(price_per_hour=0.09, hours=2.0, rows=600_000)
    0.0003
    """
    return price_per_hour * hours / rows * 1000 if rows else float("nan")
