"""The labels that servers were told, read back from their logs."""

from pathlib import Path

import polars as pl

from headgate.records.dataset import Window
from headgate.serve.logs.label_log import FOLDER, KNOWN_AT, LabelSegment
from headgate.serve.logs.lines import read_lines
from headgate.serve.logs.prediction_log import STORED, days_of


def read(log_dir: Path, window: Window | None = None) -> pl.DataFrame:
    """Return the labels that were told since a window began, in the order they came: id, label, time and known_at.

    Labels of one service are of one type; without any the frame is empty.
    """
    frames = [frame for path in files(log_dir, window) if (frame := read_file(path)) is not None]
    if not frames:
        return pl.DataFrame(schema={"id": pl.String, "label": pl.Null, "time": MOMENT, KNOWN_AT: MOMENT})
    whole = pl.concat(frames, how="vertical_relaxed").sort("at", maintain_order=True).drop("at")
    return whole.with_columns(pl.col("time", KNOWN_AT).cast(MOMENT))


MOMENT = pl.Datetime("us")


def files(log_dir: Path, window: Window | None) -> list[Path]:
    first = days_of(window)[0] if window else ""
    found = (path for path in (log_dir / FOLDER).glob("*-*-*/*.jsonl") if path.parent.name >= first)
    return sorted(found, key=lambda path: (path.parent.name, path.name))


def read_file(path: Path) -> pl.DataFrame | None:
    """Return one file's labels; a torn last line is left out, a file torn in its first line is empty."""
    read = read_lines(
        path,
        LabelSegment,
        schema_of,
        what="label log",
        next_step="move the file away; its labels then count as never told",
    )
    return read[1].explode("id", "label", "time", KNOWN_AT) if read else None


def schema_of(segment: LabelSegment) -> pl.Schema:
    stamps, stored = pl.List(pl.Int64), pl.List(STORED[segment.type])
    return pl.Schema({"at": pl.Int64(), "id": pl.List(pl.String), "label": stored, "time": stamps, KNOWN_AT: stamps})
