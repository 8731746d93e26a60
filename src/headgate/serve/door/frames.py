"""Admitted rows as the frame that an owner's features function sees."""

from collections.abc import Mapping

import polars as pl

from headgate.serve.door.admission import DAY_MICROSECONDS, Admitted
from headgate.specs.contract import ColumnType

DTYPES: dict[ColumnType, pl.DataType] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "string": pl.String(),
    "boolean": pl.Boolean(),
    "datetime": pl.Datetime("us"),
    "date": pl.Date(),
}
"""What features() sees; times are naive UTC, as in the datasets."""


def frame_of(rows: Admitted, types: Mapping[str, ColumnType], places: Mapping[str, int]) -> pl.DataFrame:
    """Return rows with every input a column, absent optional ones null; `places` are those of `rows.numbers`."""
    return pl.DataFrame([series(name, type_, rows, places) for name, type_ in types.items()])


def series(name: str, type_: ColumnType, rows: Admitted, places: Mapping[str, int]) -> pl.Series:
    dtype = DTYPES[type_]
    if name not in rows.columns:
        return pl.Series(name, [None] * rows.count, dtype)
    if rows.numbers is not None and type_ == "number":
        return pl.Series(name, rows.numbers[places[name]], nan_to_null=True)
    if type_ == "datetime":
        return pl.Series(name, rows.stamps[name], pl.Int64).cast(dtype)
    if type_ == "date":
        days = [None if stamp is None else stamp // DAY_MICROSECONDS for stamp in rows.stamps[name]]
        return pl.Series(name, days, pl.Int32).cast(dtype)
    return pl.Series(name, rows.columns[name], dtype)
