"""The prediction log: answered rows, on disk soon, whole lines only, files per process and event day.

A segment `<day>/<model>-<process>-<moment>.jsonl` starts with a Segment line that says how to read it; each further
line is one request, by column. Killed at any moment, a process loses what it had not flushed and at most tears its
file's last line, which the reader leaves out.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from headgate.contract.times import inside
from headgate.features import ids
from headgate.records.dataset import Window
from headgate.serve.logs.lines import read_lines
from headgate.serve.logs.segment import Segment
from headgate.specs.contract import ColumnType
from headgate.specs.service import Data, Label, Service

AT, SCORES, INPUTS = "at", "scores", "inputs"
PREDICTION = "prediction"

STORED: dict[ColumnType, pl.DataType] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "string": pl.String(),
    "boolean": pl.Boolean(),
    "datetime": pl.Int64(),
    "date": pl.Int64(),
}
"""How a column stands in a segment; times are microseconds since 1970, UTC."""


def read(log_dir: Path, window: Window | None = None) -> pl.DataFrame:
    """Return the logged rows with event time in the window, in the order they were answered.

    Columns: `id`, `time` (naive UTC), `at` (naive UTC, when it was answered), `model` (sha256), `prediction`
    (multiclass: `prediction.<class>`) and `inputs`, a struct of the raw columns (`inputs_of` unpacks it).
    """
    frames = [frame for path in segments(log_dir, window) if (frame := read_segment(path)) is not None]
    if not frames:
        return EMPTY
    rows = pl.concat(frames, how="diagonal_relaxed") if same_columns(frames) else pl.concat(widened(frames))
    if window is not None:
        rows = rows.filter(inside(rows["time"], window))
    return rows.sort("at", maintain_order=True)


def inputs_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the raw columns of logged rows, as the features saw them."""
    return rows.select(pl.col(INPUTS).struct.unnest())


def segments(log_dir: Path, window: Window | None) -> list[Path]:
    """Return the files that may hold rows of the window, sorted."""
    if not log_dir.is_dir():
        return []
    first, last = days_of(window) if window else ("", "~")
    days = sorted(day for day in log_dir.iterdir() if day.is_dir() and first <= day.name <= last)
    return [path for day in days for path in sorted(day.glob("*.jsonl"))]


def days_of(window: Window) -> tuple[str, str]:
    """Return the first and last day of a half-open window."""
    last = window.end.astimezone(UTC) if window.end.tzinfo else window.end
    first = window.start.astimezone(UTC) if window.start.tzinfo else window.start
    return first.date().isoformat(), (last - datetime.resolution).date().isoformat()


def read_segment(path: Path) -> pl.DataFrame | None:
    """Return one file's rows; a torn last line is left out, a file torn in its first line is empty."""
    read = read_lines(
        path,
        Segment,
        schema_of,
        what="prediction log",
        next_step="move the file away; its predictions then count as never made",
    )
    return rows_of(read[1], read[0]) if read else None


def schema_of(segment: Segment) -> pl.Schema:
    score: pl.DataType = pl.List(pl.Float64) if segment.task == "multiclass" else pl.Float64()
    columns = {name: pl.List(STORED[type_]) for name, type_ in segment.columns.items()}
    return pl.Schema({AT: pl.Int64(), SCORES: pl.List(score), INPUTS: pl.Struct(columns)})


def rows_of(packed: pl.DataFrame, segment: Segment) -> pl.DataFrame:
    """Return a segment's requests as a row each."""
    columns = list(segment.columns)
    lists = packed.select(INPUTS).unnest(INPUTS)
    rows = lists.explode(columns).with_columns(
        pl.col(name).cast(pl.Datetime("us")).cast(pl.Date() if type_ == "date" else pl.Datetime("us"))
        for name, type_ in segment.columns.items()
        if type_ in ("datetime", "date")
    )
    answers = packed.select(AT, SCORES).explode(SCORES)
    at = answers[AT].cast(pl.Datetime("us"))
    return pl.DataFrame(
        [
            ids(rows, spec_of(segment)).alias("id"),
            (at if segment.time is None else rows[segment.time].cast(pl.Datetime("us"))).alias("time"),
            at,
            pl.repeat(segment.model, rows.height, dtype=pl.String, eager=True).alias("model"),
            *scores_of(answers[SCORES], segment.classes),
            rows.select(pl.struct(columns).alias(INPUTS)).to_series(),
        ]
    )


def scores_of(scores: pl.Series, classes: tuple[str, ...]) -> Iterator[pl.Series]:
    if scores.dtype != pl.List:
        yield scores.alias(PREDICTION)
    else:
        for place, name in enumerate(classes):
            yield scores.list.get(place).alias(f"{PREDICTION}.{name}")


def spec_of(segment: Segment) -> Service:
    """Return as much of a Service as `features.ids` reads."""
    data = Data(reader="log", label=Label(column=""), time=segment.time, id=segment.id)
    return Service(service=segment.service, task=segment.task, data=data)


def same_columns(frames: Iterable[pl.DataFrame]) -> bool:
    return len({frame.schema[INPUTS] for frame in frames}) == 1


def widened(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield frames whose `inputs` have the same fields, null where a contract had no such column then."""
    whole = pl.concat([inputs_of(frame).clear() for frame in frames], how="diagonal_relaxed").schema
    for frame in frames:
        raw = pl.concat([pl.DataFrame(schema=whole), inputs_of(frame)], how="diagonal_relaxed")
        yield frame.with_columns(raw.select(pl.struct(whole.names()).alias(INPUTS)).to_series())


EMPTY = pl.DataFrame(
    schema={
        "id": pl.String,
        "time": pl.Datetime("us"),
        AT: pl.Datetime("us"),
        "model": pl.String,
        PREDICTION: pl.Float64,
        INPUTS: pl.Struct({}),
    }
)
