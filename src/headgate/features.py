"""Rows to what a model is given: features, labels, clusters and ids, the same for training, gate and serving."""

import sysconfig
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate.contract.times import as_naive_utc, event_times
from headgate.errors import HeadgateError, PermanentError
from headgate.names import did_you_mean
from headgate.specs.service import Data, Service

FeatureFunction = Callable[[pl.DataFrame, datetime | None], pl.DataFrame]
"""`features(rows, as_of)`: one row of features per row, in the same order, made from that row alone or the past."""

MOST_CLASSES = 500
"""A label with more values is a number or an id, not a class."""
UNSEEN_SHARE = 0.01
"""Labels of classes that training never had are rare beside this, else the label itself has changed."""
FRAMES_SHOWN = 3
LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
OURS = str(Path(__file__).parent)


def compute(
    rows: pl.DataFrame, spec: Service, function: FeatureFunction | None = None, as_of: datetime | None = None
) -> pl.DataFrame:
    """Return the features of `rows`, row by row; the function never sees the label.

    Without a function every column is a feature but label, time, ids, cluster and those of role `ignore`.
    """
    label = spec.data.label.column
    known = rows.drop(label) if label in rows.columns else rows
    made = default(known, spec.data) if function is None else call(function, known, as_of, spec)
    if label in made.columns:
        raise PermanentError(
            f"features of {spec.service!r} contain the label {label!r}",
            next_step=f"leave it out in {spec.data.features!r}",
        )
    ignored = [column for column, role in spec.data.roles.items() if role == "ignore"]
    if ignored:
        made = made.drop(ignored, strict=False)
    if not made.width:
        raise PermanentError(
            f"no feature is left for {spec.service!r}",
            found=f"columns: {', '.join(rows.columns[:40])}",
            next_step="data.roles, data.id and data.time in service.yaml say which columns are none",
        )
    return made


def default(rows: pl.DataFrame, data: Data) -> pl.DataFrame:
    """Return every column that can be a feature and is not declared to be something else."""
    taken = {data.time, data.cluster, *data.id}
    plain = [name for name, kind in rows.schema.items() if not kind.is_nested() and kind not in {pl.Binary, pl.Object}]
    return rows.select(name for name in plain if name not in taken)


def call(function: FeatureFunction, rows: pl.DataFrame, as_of: datetime | None, spec: Service) -> pl.DataFrame:
    entry = spec.data.features or "features"
    try:
        made = function(rows, as_of)
    except HeadgateError:
        raise
    except (Exception, pl.exceptions.PanicException) as err:  # a panic is no Exception, and no less the function's
        raise blame(f"features function {entry!r}", err) from err
    if not isinstance(made, pl.DataFrame):
        raise PermanentError(
            f"features function {entry!r} returned {type(made).__module__}.{type(made).__name__}, "
            "expected a polars DataFrame",
            next_step="convert it, for instance with pl.from_pandas",
        )
    if made.height != rows.height:
        raise PermanentError(
            f"features function {entry!r} returned {made.height:,} rows for {rows.height:,}",
            next_step="return one row of features per row, in the same order",
        )
    return made


def blame(what: str, err: BaseException) -> PermanentError:
    """Return an error that shows where in the service owner's own code `err` was raised."""
    frames = [frame for frame in traceback.extract_tb(err.__traceback__) if is_theirs(frame.filename)]
    shown = "; ".join(
        f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames[-FRAMES_SHOWN:]
    )
    text = " ".join(str(err).split())
    text = text if len(text) <= 300 else text[:297] + "..."
    return PermanentError(
        f"{what} raised {type(err).__name__}: {text}",
        found=shown or None,
        next_step="correct it, then `headgate check` tries it on 100 rows",
    )


def is_theirs(filename: str) -> bool:
    """Say whether a file is the service owner's, neither ours nor a library's."""
    return not filename.startswith(("<", OURS, *LIBRARIES)) and "site-packages" not in filename


def classes(rows: pl.DataFrame, spec: Service) -> tuple[str, ...]:
    """Return the label's classes in the order of their codes: binary (negative, positive); regression none."""
    if spec.task == "regression":
        return ()
    texts = class_texts(label_column(rows, spec)).drop_nulls().unique()
    found = sorted(texts.to_list(), key=by_number)
    name = spec.data.label.column
    if len(found) < 2:
        seen = f"one class only, {found[0]!r}" if found else "no value at all"
        raise PermanentError(
            f"label {name!r} has {seen}, in {rows.height:,} rows; {spec.task} needs two or more",
            next_step="bring rows of every class: a longer split.train, or other data",
        )
    if spec.task == "multiclass":
        if len(found) > MOST_CLASSES:
            raise PermanentError(
                f"label {name!r} has {len(found):,} values, more than {MOST_CLASSES} classes",
                next_step="set `task: regression` when it is a number, or group rare values in the reader",
            )
        return tuple(found)
    if len(found) > 2:
        raise PermanentError(
            f"label {name!r} has {len(found):,} values and the task is binary",
            found=", ".join(found[:10]),
            next_step="set `task: multiclass` (or regression) in service.yaml, or make two classes in the reader",
        )
    positive = positive_class(found, spec)
    return next(text for text in found if text != positive), positive


def positive_class(found: Sequence[str], spec: Service) -> str:
    wanted = spec.data.label.positive
    if wanted is None:
        return found[-1]
    names = {str(wanted).lower(), str(int(wanted))} if isinstance(wanted, bool) else {str(wanted)}
    for text in found:
        if text in names:
            return text
    raise PermanentError(
        f"data.label.positive is {wanted!r}, and label {spec.data.label.column!r} has no such value."
        f"{did_you_mean(str(wanted), found)}",
        found=", ".join(found),
    )


def labels(rows: pl.DataFrame, spec: Service, classes: Sequence[str] = ()) -> NDArray[np.float64]:
    """Return labels (n,), NaN where one is missing: 0/1, class codes in the order of `classes`, or numbers.

    A rare class that `classes` lacks counts as missing, so that its rows enter the gate's worst case; many such rows
    are refused.
    """
    column = label_column(rows, spec)
    if spec.task == "regression":
        return numbers(column)
    texts = class_texts(column)
    codes = texts.cast(pl.Enum(list(classes)), strict=False).to_physical().cast(pl.Float64)
    unseen = texts.filter(codes.is_null() & texts.is_not_null())
    if len(unseen) > max(1, UNSEEN_SHARE * rows.height):
        raise PermanentError(
            f"label {column.name!r} is {unseen[0]!r} in {len(unseen):,} rows, a class that no training row has",
            found=f"classes: {', '.join(classes[:20])}",
            next_step="bring training rows of it (a longer split.train), or group rare classes in the reader",
        )
    return codes.fill_null(float("nan")).to_numpy()


def label_column(rows: pl.DataFrame, spec: Service) -> pl.Series:
    name = spec.data.label.column
    if name not in rows.columns:
        raise PermanentError(
            f"rows of {spec.service!r} have no label column {name!r}.{did_you_mean(name, rows.columns)}",
            found=", ".join(rows.columns[:40]),
        )
    return rows[name]


def numbers(column: pl.Series) -> NDArray[np.float64]:
    if not (column.dtype.is_numeric() or column.dtype in {pl.Boolean, pl.Null}):
        raise PermanentError(
            f"label {column.name!r} is {str(column.dtype).lower()}, and regression needs a number",
            found=", ".join(repr(value) for value in column.head(3).to_list()),
        )
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if infinite := int(np.isinf(values).sum()):
        raise PermanentError(
            f"label {column.name!r} is infinite in {infinite:,} of {len(values):,} rows",
            next_step="leave them out in the reader, or make them null: a label that never came",
        )
    return np.asarray(values)


def class_texts(column: pl.Series) -> pl.Series:
    """Return a label's values as class names: 1.0 and 1 are both '1', true is 'true', NaN is missing."""
    if column.dtype.is_nested() or column.dtype.is_temporal():
        raise PermanentError(f"label {column.name!r} is {str(column.dtype).lower()}, and a class is a word or a number")
    if not column.dtype.is_float():
        return column.cast(pl.String)
    whole = (pl.col(column.name) == pl.col(column.name).floor()) & (pl.col(column.name).abs() < 2**53)
    text = pl.when(whole).then(pl.col(column.name).cast(pl.Int64, strict=False).cast(pl.String))
    return column.fill_nan(None).to_frame().select(text.otherwise(pl.col(column.name).cast(pl.String))).to_series()


def by_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def clusters(rows: pl.DataFrame, spec: Service) -> NDArray[np.int64]:
    """Return a code per row, equal for dependent rows; without data.cluster every row is its own."""
    name = spec.data.cluster
    if name is None:
        return np.arange(rows.height)
    if name in {"day", "week"} and spec.data.time is not None:
        column = event_times(rows, spec.data.time).dt.truncate("1d" if name == "day" else "1w")
    elif name in rows.columns:
        column = rows[name]
    else:
        raise PermanentError(f"rows have no cluster column {name!r}.{did_you_mean(name, rows.columns)}")
    column = column.cast(pl.String) if column.dtype in {pl.Categorical, pl.Boolean} else column
    return np.asarray(column.rank("dense").cast(pl.Int64).fill_null(0).to_numpy())


def ids(rows: pl.DataFrame, spec: Service) -> pl.Series:
    """Return each row's id as text, its parts joined by `|`; without data.id the whole row is its id."""
    names = spec.data.id or tuple(
        name for name, kind in rows.schema.items() if not (kind.is_nested() or kind == pl.Object)
    )
    for name in names:
        if name not in rows.columns:
            raise PermanentError(f"rows have no id column {name!r}.{did_you_mean(name, rows.columns)}")
    parts = [id_texts(rows[name]) for name in names]
    return pl.select(pl.concat_str(parts, separator="|").alias("id")).to_series()


def id_texts(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        return as_naive_utc(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.f").fill_null("")
    if column.dtype == pl.Binary:
        column = column.bin.encode("hex")
    elif column.dtype == pl.Duration:
        column = column.to_physical()
    return column.cast(pl.String).fill_null("").str.replace_all("|", "\\|", literal=True)
