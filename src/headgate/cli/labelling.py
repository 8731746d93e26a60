"""Which labels are known of a window's rows: the source's, those told to the servers, those in a file."""

from datetime import datetime
from pathlib import Path

import polars as pl

from headgate import features
from headgate.adapters.source import read_path, with_time
from headgate.cli.wiring import Project
from headgate.contract.times import as_naive_utc
from headgate.errors import PermanentError
from headgate.join import ID, KNOWN_AT, LABEL, TIME
from headgate.names import did_you_mean
from headgate.records.dataset import Window
from headgate.score.admission import read as read_column
from headgate.serve.logs import labels
from headgate.specs.service import Service


def told(project: Project, environment: str, window: Window, now: datetime) -> pl.DataFrame:
    """Return the labels that were told to the environment's servers since the window began."""
    since = Window(start=window.start, end=max(window.end, now))
    return labels.read(project.answers(environment, since), window)


def in_file(project: Project, path: Path) -> pl.DataFrame:
    """Return the labels of a CSV or Parquet file: columns of data.id, the label's, and known_at where it is known."""
    spec = project.spec
    rows = read_path(path)
    label = spec.data.label.column
    for name in (*spec.data.id, label):
        if name not in rows.columns:
            raise PermanentError(
                f"label file {str(path)!r} has no column {name!r}.{did_you_mean(name, rows.columns)}",
                found=", ".join(rows.columns[:40]),
                next_step="it needs the columns of data.id and the label, and may have known_at",
            )
    if not spec.data.id:
        raise PermanentError("this service has no data.id, so a label cannot say which row it is of")
    return pl.DataFrame(
        [
            ids(project, rows, path),
            rows[label].alias(LABEL),
            moments(rows, spec.data.time, path).alias(TIME),
            moments(rows, KNOWN_AT, path).alias(KNOWN_AT),
        ]
    )


def ids(project: Project, rows: pl.DataFrame, path: Path) -> pl.Series:
    """Return the ids as the prediction log has them: by the contract's types, whatever the file's."""
    spec = project.spec
    timed = rows if spec.data.time not in spec.data.id else with_time(rows, str(spec.data.time), str(path))
    typed = [read_column(timed[name], project.contract.columns[name].type).stored for name in spec.data.id]
    return features.ids(pl.DataFrame(typed), spec).alias(ID)


def moments(rows: pl.DataFrame, name: str | None, path: Path) -> pl.Series:
    if name is None or name not in rows.columns:
        return pl.Series([None] * rows.height, dtype=pl.Datetime("us"))
    return as_naive_utc(with_time(rows, name, str(path))[name])


def together(frames: list[pl.DataFrame], spec: Service) -> pl.DataFrame:
    """Return labels of several origins as one frame; where their types differ, classes are compared by their text."""
    some = [frame for frame in frames if frame.height] or frames[:1]
    if len({frame.schema[LABEL] for frame in some}) > 1:
        some = [frame.with_columns(comparable(frame[LABEL], spec)) for frame in some]
    return pl.concat(some, how="diagonal_relaxed")


def comparable(label: pl.Series, spec: Service) -> pl.Series:
    return label.cast(pl.Float64) if spec.task == "regression" else features.class_texts(label)
