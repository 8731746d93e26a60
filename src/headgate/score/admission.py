"""Rows of a file through the server's door: what a request of them would be refused for is set aside, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from headgate.contract.request import Problem, problem_of
from headgate.contract.times import as_naive_utc
from headgate.contract.watch import Notice
from headgate.errors import PermanentError
from headgate.names import did_you_mean
from headgate.serve.door.admission import DAY_MICROSECONDS, TIMES, Door, microseconds
from headgate.serve.door.frames import DTYPES
from headgate.specs.contract import ColumnType

ROW = "row"
"""A row's number in the file that was given, from 0."""
REJECTED = pl.Schema({ROW: pl.Int64(), "input": pl.String(), "kind": pl.String(), "reason": pl.String()})

NONE = REJECTED.to_frame()
WORDS = (pl.String, pl.Categorical, pl.Enum)
A_TIME = "1970-01-01"


@dataclass(frozen=True, slots=True)
class Admission:
    """A batch that went through the door."""

    rows: pl.DataFrame
    """Those that are let in, as `features` sees them: every input a column, absent optional ones null."""
    places: pl.Series
    """Their row numbers."""
    rejected: pl.DataFrame
    """The others: row, input, kind and reason of the first thing that is wrong with each."""
    notices: tuple[Notice, ...]
    """What is not as the contract promises, and scored all the same."""


def inputs_in(schema: pl.Schema, door: Door) -> tuple[str, ...]:
    """Return the columns of a file that are read, once each can be what the contract says; others take no part."""
    for name in door.required:
        if name not in schema:
            raise PermanentError(
                f"the file has no column {name!r}; the contract requires it.{did_you_mean(name, schema)}",
                found=", ".join(list(schema)[:40]),
            )
    known = tuple(name for name in door.types if name in schema)
    for name in known:
        if not fits(schema[name], door.types[name]):
            raise PermanentError(
                f"column {name!r} is {str(schema[name]).lower()} and the contract says {door.types[name]}",
                next_step="give it the type it has in requests",
            )
    return known


def fits(kind: pl.DataType, type_: ColumnType) -> bool:
    """Say whether a column may hold what a request sends as this type."""
    if kind == pl.Null:
        return True
    match type_:
        case "integer" | "number":
            return kind.is_numeric()
        case "string":
            return kind in WORDS
        case "boolean":
            return kind == pl.Boolean
    return kind in WORDS or kind == pl.Date or isinstance(kind, pl.Datetime)


def admit(batch: pl.DataFrame, first: int, door: Door) -> Admission:
    """Return a batch's rows, numbered from `first`, by what the door says of each: as of a request of this one row."""
    columns = [read(batch[name], type_) for name, type_ in door.types.items() if name in batch.columns]
    told = pl.concat([NONE, *(broken(column, door) for column in columns), *(lost(column, door) for column in columns)])
    wrong = told.unique(ROW, keep="first", maintain_order=True).sort(ROW)
    numbers = pl.Series(ROW, range(batch.height), dtype=pl.Int64)
    good = ~numbers.is_in(wrong[ROW].implode())
    stored = {column.name: column.stored.filter(good) for column in columns}
    notices = watched(stored, door)
    count = int(good.sum())
    rows = [
        stored[name] if name in stored else pl.Series(name, [None] * count, DTYPES[type_])
        for name, type_ in door.types.items()
    ]
    return Admission(pl.DataFrame(rows), numbers.filter(good) + first, wrong.with_columns(pl.col(ROW) + first), notices)


@dataclass(frozen=True, slots=True)
class Values:
    """A column as a request would carry it, and as the features see it."""

    name: str
    sent: pl.Series
    stored: pl.Series


def read(column: pl.Series, type_: ColumnType) -> Values:
    """Return a column's values; of times, only what is no text yet is moments already."""
    name = column.name
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if type_ in TIMES:
        stamps = moments(column) if column.dtype in (pl.String, pl.Null) else as_naive_utc(column).to_physical()
        return Values(name, as_sent(column), dated(stamps, type_))
    if isinstance(column.dtype, pl.Decimal):
        column = column.cast(pl.Float64)
    if type_ == "integer" and column.dtype.is_float():
        column = column.fill_nan(None)  # how pandas writes a missing whole number
    return Values(name, column, column.cast(DTYPES[type_], strict=False))


def as_sent(column: pl.Series) -> pl.Series:
    """Return times as text where they are text; others are good, so that only which are missing counts."""
    if column.dtype in (pl.String, pl.Null):
        return column.cast(pl.String)
    return pl.select(pl.when(column.is_not_null()).then(pl.lit(A_TIME))).to_series().alias(column.name)


def moments(texts: pl.Series) -> pl.Series:
    """Return microseconds since 1970 of ISO 8601 texts, each different one read once, null where one is no time."""
    known = {text: moment(text) for text in texts.cast(pl.String).unique().drop_nulls()}
    return pl.Series(texts.name, [None if text is None else known[text] for text in texts], pl.Int64)


def moment(text: str) -> int | None:
    try:
        return microseconds(text)
    except (ValueError, OverflowError):
        return None


def dated(stamps: pl.Series, type_: ColumnType) -> pl.Series:
    if type_ == "datetime":
        return stamps.cast(pl.Datetime("us"))
    return (stamps // DAY_MICROSECONDS).cast(pl.Int32).cast(pl.Date)


def broken(column: Values, door: Door) -> pl.DataFrame:
    """Return the rows of a column that break its promise, with how; each different value is judged once."""
    promise = door.contract.columns[column.name]
    different = column.sent.unique().to_list()
    if problem_of(column.name, different, promise) is None:
        return NONE
    problems = [(value, problem_of(column.name, [value], promise)) for value in different]
    return places_of(column.sent, [(value, problem) for value, problem in problems if problem])


def places_of(sent: pl.Series, bad: Sequence[tuple[Any, Problem]]) -> pl.DataFrame:
    """Return where the bad values stand."""
    listed = keyed(pl.Series("value", [value for value, _ in bad], sent.dtype)).with_columns(
        pl.Series("kind", [problem.kind for _, problem in bad], pl.String),
        pl.Series("reason", [problem.reason for _, problem in bad], pl.String),
    )
    numbered = keyed(sent.alias("value")).with_row_index(ROW)
    found = numbered.join(listed, on=["value", "nan"], how="inner", nulls_equal=True, maintain_order="left")
    return found.select(pl.col(ROW).cast(pl.Int64), pl.lit(sent.name).alias("input"), "kind", "reason")


def keyed(values: pl.Series) -> pl.DataFrame:
    """Return values to be found by; NaN equals nothing, so it is told beside them."""
    if not values.dtype.is_float():
        return values.to_frame().with_columns(nan=False)
    return pl.DataFrame([values.fill_nan(None), values.is_nan().alias("nan")])


def lost(column: Values, door: Door) -> pl.DataFrame:
    """Return the rows of a time that is no moment, or that every row must have."""
    missing = column.stored.is_null()
    if door.contract.columns[column.name].type not in TIMES or not missing.any():
        return NONE
    bad = column.sent.filter(missing & column.sent.is_not_null()).unique().to_list()
    unreal = places_of(column.sent, [(text, Problem(column.name, unreal_time(text), "type")) for text in bad])
    if column.name != door.time:
        return unreal
    return pl.concat([unreal, said(missing, column.name, "null", "is null; every row has an event time")])


def unreal_time(text: str) -> str:
    """Return why a text is no moment, in the server's words."""
    reason = "has a time that does not exist"
    try:
        microseconds(text)
    except (ValueError, OverflowError) as err:
        return f"{reason}: {err}"
    return reason


def said(wrong: pl.Series, name: str, kind: str, reason: str) -> pl.DataFrame:
    """Return the rows of a mask with one reason for all."""
    places = wrong.arg_true().cast(pl.Int64).alias(ROW).to_frame()
    return places.with_columns(pl.lit(name).alias("input"), pl.lit(kind).alias("kind"), pl.lit(reason).alias("reason"))


def watched(stored: dict[str, pl.Series], door: Door) -> tuple[Notice, ...]:
    """Return what the door names of rows it lets in, and clip in place what it clips."""
    names = {*(name for name, *_ in door.watch.ranges), *(name for name, _ in door.watch.words)}
    columns = {name: stored[name].to_list() for name in sorted(names & stored.keys())}
    before = dict(columns)
    notices = tuple(door.watch.look(columns))
    for name, values in columns.items():
        if values is not before[name]:
            stored[name] = pl.Series(name, values, stored[name].dtype)
    return notices
