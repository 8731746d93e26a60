"""Where rows come from: a CSV or Parquet file, a folder of Parquet, or the service's own reader function."""

import gzip
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from headgate.contract.times import as_naive_utc, in_utc, inside, naive, show_time
from headgate.errors import HeadgateError, PermanentError
from headgate.names import did_you_mean
from headgate.records.dataset import Window

ReaderFunction = Callable[[Window | None], Any]
"""`read(window)` returns a polars frame, the window's rows or all for None; Arrow and pandas are taken too."""
AHEAD = timedelta(minutes=5)
"""Clocks differ by less; a time further in the future is a wrong time."""
NULL_WORDS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]
DAY_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")
"""Two of the last: a column that both can read is left as text, for no data can say whether 03/04 is in March."""
DECIMAL_COMMA = r"^[-+]?\d+(,\d+)?$"
CLOCK_FORMATS = ("T%H:%M:%S%.f", " %H:%M:%S%.f", "T%H:%M", " %H:%M")
FORMS: tuple[tuple[str, pl.Date | pl.Datetime], ...] = (
    *((form, pl.Date()) for form in DAY_FORMATS),
    *((day + clock, pl.Datetime("us")) for day in DAY_FORMATS for clock in CLOCK_FORMATS),
    *((f"%Y-%m-%d{clock}{zone}", pl.Datetime("us", "UTC")) for clock in CLOCK_FORMATS for zone in ("%#z", " %#z")),
)


def read(
    reader: str | ReaderFunction,
    folder: Path,
    window: Window | None = None,
    *,
    time: str | None = None,
    now: datetime | None = None,
    needed: bool = True,
) -> pl.DataFrame:
    """Return the rows that `reader` names, relative to `folder`: those of `window` where `time` is given.

    None at all is an error where they are needed. Times are parsed, or the first one that cannot be is named; times
    more than five minutes after `now` are refused.
    """
    rows = read_path(folder / reader) if isinstance(reader, str) else call(reader, window)
    if rows.is_empty() and needed:
        raise PermanentError(f"{described(reader)} gives no rows", next_step="look at data.reader in service.yaml")
    if rows.is_empty() or time is None:
        return rows
    rows = with_time(rows, time, described(reader))
    times = as_naive_utc(rows[time])
    if now is not None:
        refuse_future(times, now)
    return rows.filter(inside(times, window)) if window else rows


def read_path(path: Path) -> pl.DataFrame:
    """Return the rows of a CSV or Parquet file, or of all Parquet files in a folder."""
    if not path.exists():
        near = did_you_mean(path.name, (p.name for p in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise PermanentError(f"no file {str(path)!r}.{near}", next_step="correct data.reader in service.yaml")
    if path.is_dir():
        return read_folder(path)
    if path.stat().st_size == 0:
        raise PermanentError(f"file {str(path)!r} is empty: 0 bytes")
    kinds = {".csv": read_csv, ".tsv": read_csv, ".parquet": read_parquet, ".pq": read_parquet}
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in kinds:
        raise PermanentError(f"file {str(path)!r} is neither CSV nor Parquet", found=suffix or "no suffix")
    return kinds[suffix](path)


def read_folder(path: Path) -> pl.DataFrame:
    files = sorted(path.rglob("*.parquet"))
    if not files:
        raise PermanentError(f"folder {str(path)!r} has no .parquet files")
    frames = [(file, read_parquet(file)) for file in files]
    first, schema = frames[0][0], frames[0][1].schema
    for file, rows in frames:
        if differing := [c for c in {**schema, **rows.schema} if schema.get(c) != rows.schema.get(c)]:
            raise PermanentError(
                f"{file.name!r} and {first.name!r} differ in column {differing[0]!r}",
                found=f"{first.name}: {schema.get(differing[0])}, {file.name}: {rows.schema.get(differing[0])}",
            )
    return pl.concat([rows.select(schema.names()) for _, rows in frames])


def read_parquet(path: Path) -> pl.DataFrame:
    """Return a Parquet file's rows; a truncated one is named."""
    try:
        return pl.read_parquet(path, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as err:
        raise PermanentError(
            f"{str(path)!r} is not a whole Parquet file: {first_line(err)}",
            found=f"{path.stat().st_size:,} bytes",
            next_step="write or copy it again",
        ) from err


def read_csv(path: Path) -> pl.DataFrame:
    """Return a CSV file's rows: types inferred over the whole file, times parsed, year first."""
    try:
        separator = separator_of(path)
        rows = pl.read_csv(path, infer_schema_length=None, null_values=NULL_WORDS, separator=separator)
        if separator == ";" and has_decimal_commas(rows):
            rows = pl.read_csv(
                path, infer_schema_length=None, null_values=NULL_WORDS, separator=separator, decimal_comma=True
            )
    except (pl.exceptions.PolarsError, OSError, EOFError, UnicodeDecodeError) as err:
        raise PermanentError(f"{str(path)!r} is not a CSV file: {first_line(err)}") from err
    texts = [column for column, kind in rows.schema.items() if kind == pl.String]
    parsed = {column: times for column in texts if (times := parse_times(rows[column])) is not None}
    return rows.with_columns(**parsed)


def separator_of(path: Path) -> str:
    """Return what separates the columns: the commonest candidate of the header line."""
    with path.open("rb") as file, gzip.open(file) if path.suffix == ".gz" else file as text:
        header = text.readline(65_536)
    return max(",\t;|", key=lambda mark: header.count(mark.encode()))


def has_decimal_commas(rows: pl.DataFrame) -> bool:
    """Say whether a column is of numbers like 1,5 and none of numbers like 1.5."""
    texts = [rows[name].drop_nulls() for name, kind in rows.schema.items() if kind == pl.String]
    written = any(len(values) and values.str.contains(DECIMAL_COMMA).all() for values in texts)
    return written and not any(kind.is_float() for kind in rows.schema.values())


def parse_times(texts: pl.Series) -> pl.Series | None:
    """Return text as dates or times when every value is one and only one way of writing fits the column."""
    sample = texts.drop_nulls().head(100)
    if sample.is_empty():
        return None
    likely = [form for form in FORMS if parsed(sample, *form).null_count() == 0]
    fitting = [times for form in likely if (times := parsed(texts, *form)).null_count() == texts.null_count()]
    return fitting[0] if fitting and all(times.equals(fitting[0]) for times in fitting) else None


def parsed(texts: pl.Series, form: str, kind: pl.Date | pl.Datetime) -> pl.Series:
    return texts.str.strptime(kind, form, strict=False)


def with_time(rows: pl.DataFrame, time: str, source: str) -> pl.DataFrame:
    """Return the rows with the time column parsed, or name the first value that is no time."""
    if time not in rows.columns:
        raise PermanentError(
            f"{source} has no column {time!r}.{did_you_mean(time, rows.columns)}", found=", ".join(rows.columns[:40])
        )
    if rows.schema[time] != pl.String:
        return rows
    if (times := parse_times(rows[time])) is not None:
        return rows.with_columns(times)
    raise unreadable(rows[time], source)


def unreadable(texts: pl.Series, source: str) -> PermanentError:
    """Return the error that names the first value the commonest way of writing cannot read."""
    failing = [parsed(texts, *form).is_null() & texts.is_not_null() for form in FORMS]
    fewest = min(failing, key=lambda bad: int(bad.sum()))
    if not fewest.any():
        return PermanentError(
            f"times in column {texts.name!r} of {source} can be read in two ways: {texts.drop_nulls()[0]!r}",
            next_step="write times like 2013-01-31T08:00:00",
        )
    at = int(fewest.arg_true()[0])
    return PermanentError(
        f"column {texts.name!r} of {source} has a value that is no time: {str(texts[at])[:60]!r} in row {at + 1:,}",
        next_step="write times like 2013-01-31T08:00:00, all in the same way",
    )


def refuse_future(times: pl.Series, now: datetime) -> None:
    late = int((times > naive(now + AHEAD)).sum())
    if late:
        rows = "1 row is" if late == 1 else f"{late:,} rows are"
        raise PermanentError(
            f"{rows} from the future: {times.name!r} is up to {show_time(in_utc(times.max()))}",
            found=f"now is {show_time(now)}",
            next_step="times are UTC; look at time zones and clocks where the rows are written",
        )


def call(reader: ReaderFunction, window: Window | None) -> pl.DataFrame:
    """Return what the service's own reader gives; its failure is the user's, told with its type."""
    try:
        given = reader(window)
    except HeadgateError:
        raise
    except Exception as err:
        raise PermanentError(f"{described(reader)} failed: {type(err).__name__}: {first_line(err)}") from err
    if isinstance(given, pl.LazyFrame):
        return given.collect()
    if isinstance(given, pl.DataFrame):
        return given
    try:
        return pl.DataFrame(given) if hasattr(given, "__arrow_c_stream__") else pl.from_dataframe(given)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as err:
        raise PermanentError(f"{described(reader)} gave {type(given).__name__}, expected a polars DataFrame") from err


def described(reader: str | ReaderFunction) -> str:
    if isinstance(reader, str):
        return f"source {reader!r}"
    return f"reader {getattr(reader, '__module__', '?')}:{getattr(reader, '__name__', '?')}"


def first_line(err: BaseException) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0][:200]
