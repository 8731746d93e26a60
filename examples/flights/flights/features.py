"""What the model sees; the same function for training, batch and online."""

from datetime import datetime

import polars as pl

from flights.data import WEATHER


def features(rows: pl.DataFrame, as_of: datetime | None) -> pl.DataFrame:  # noqa: ARG001 - rows carry what was known
    """Return one row of features per flight, from what is known at scheduled departure."""
    departure = pl.col("scheduled_departure")
    return rows.select(
        "carrier",
        "origin",
        "distance",
        minute_of_day=departure.dt.hour().cast(pl.Int32) * 60 + departure.dt.minute(),
        weekday=departure.dt.weekday(),
        **{name: pl.col(name) for name in WEATHER},
    )
