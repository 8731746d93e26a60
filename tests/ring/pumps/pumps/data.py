"""Made-up rows: forty pumps a day for 120 days; what makes a seal leak turns round on day 55."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from headgate.records.dataset import Window

BEGIN = datetime(2020, 1, 1)  # noqa: DTZ001 - as columns of event time are, naive and UTC
DAYS, PUMPS, TURN = 120, 40, 55
OILS = ("light", "heavy", "mixed")


def rows() -> pl.DataFrame:
    """Return all rows, the same every time."""
    random = np.random.default_rng(20200101)
    count = DAYS * PUMPS
    day, pump = np.divmod(np.arange(count), PUMPS)
    pressure, heat = random.normal(5, 1, count), random.normal(60, 10, count)
    oil = random.integers(0, len(OILS), count)
    strain = np.where(day < TURN, 1.6, -1.6) * (pressure - 5) + 0.05 * (heat - 60) + np.array([-0.3, 0.5, 0.0])[oil]
    return pl.DataFrame(
        {
            "at": [BEGIN + timedelta(days=int(d), minutes=30 * int(p)) for d, p in zip(day, pump, strict=True)],
            "pump": [f"p{number:02}" for number in pump],
            "pressure": pressure.round(3),
            "heat": heat.round(2),
            "oil": [OILS[number] for number in oil],
            "leaks": random.random(count) < 1 / (1 + np.exp(-strain)),
        }
    )


def read(window: Window | None) -> pl.DataFrame:
    """Return the rows of a window; None asks for all."""
    found = rows()
    if window is None:
        return found
    start, end = window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)
    return found.filter(pl.col("at").is_between(start, end, closed="left"))
