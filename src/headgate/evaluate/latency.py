"""How quick is the packaged model? Measured with a clock that is given."""

from collections.abc import Callable

import numpy as np

from headgate.records.judgement import Latency

NS_PER_MS = 1e6


def measure_latency(
    predict_one: Callable[[], object], clock: Callable[[], int], calls: int = 300, warm_up: int = 30
) -> Latency:
    """Return quantiles of the time one call takes; `clock` returns nanoseconds that never go back."""
    for _ in range(warm_up):
        predict_one()
    times = [timed(predict_one, clock) for _ in range(calls)]
    p50, p99 = np.quantile(np.array(times, dtype=np.float64) / NS_PER_MS, [0.5, 0.99])
    return Latency(p50_ms=float(p50), p99_ms=float(p99), calls=calls)


def timed(predict_one: Callable[[], object], clock: Callable[[], int]) -> int:
    start = clock()
    predict_one()
    return clock() - start
