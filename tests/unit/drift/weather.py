"""Made-up rows with season: days differ from one another, weeks too."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from headgate.names import Digest, Name
from headgate.records.dataset import Window
from headgate.specs.service import Data, Label, Service

MODEL = Digest("a" * 64)
PROD = Name("prod")
START = datetime(2013, 1, 1, tzinfo=UTC)
SPEC = Service(
    service=Name("flights"),
    task="binary",
    data=Data(reader="r.csv", label=Label(column="late"), time="at", id=("number",), roles={"weekday": "calendar"}),
)


def window(week: int) -> Window:
    return Window(start=START + timedelta(weeks=week), end=START + timedelta(weeks=week + 1))


def times(weeks: int, per_day: int = 120) -> pl.Series:
    """Return event times of so many weeks."""
    days = np.repeat(np.arange(7 * weeks), per_day)
    return pl.Series("at", [START]).dt.replace_time_zone(None).new_from_index(0, len(days)) + pl.Series(
        [timedelta(days=int(day), minutes=int(i % per_day)) for i, day in enumerate(days)]
    )


def rows(random: np.random.Generator, weeks: int = 1, per_day: int = 120, season: float = 0.0) -> pl.DataFrame:
    """Return features of so many weeks: temperature moves with the week and the day, the others don't."""
    n = 7 * weeks * per_day
    week = np.repeat(random.normal(0, season, weeks), 7 * per_day)
    return pl.DataFrame(
        {
            "temperature": week + random.normal(0, 1, n),
            "wind": random.exponential(1, n),
            "carrier": random.choice(["AA", "B6", "UA"], n, p=[0.5, 0.3, 0.2]),
            "weekday": np.repeat(np.arange(7 * weeks) % 7, per_day),
            "number": np.arange(n),
        }
    )
