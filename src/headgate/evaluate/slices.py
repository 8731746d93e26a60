"""Which groups of rows are there, and how does each fare? The largest fifty, in a fixed order."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate.errors import PermanentError
from headgate.evaluate.frame import SLICE, Predictions, Taken
from headgate.records.judgement import Slice
from headgate.stats.clustered import paired
from headgate.stats.metrics import Scored, Undefined, score

MOST = 50
"""Slices kept: a pull request shows five, a person looks through fifty."""
MANY_VALUES = 20
"""A number with more values than this is cut at its quartiles."""


class Group(NamedTuple):
    """Rows that share the values of one or two columns."""

    name: str
    rows: NDArray[np.bool_]


def slice_columns(specs: tuple[str, ...]) -> list[str]:
    """Return the columns that slice specs name, once each.

    >>> slice_columns(("origin", "origin*hour"))
    ['origin', 'hour']
    """
    return list(dict.fromkeys(part.strip() for one in specs for part in one.split("*")))


def as_text(column: pl.Series) -> pl.Series:
    """Return a column's values as slice names: numbers of many values as quarters, null as `null`."""
    if column.dtype.is_float() or (column.dtype.is_integer() and column.n_unique() > MANY_VALUES):
        column = column.fill_nan(None) if column.dtype.is_float() else column
        if column.n_unique() > MANY_VALUES:
            return quarters(column)
    return column.cast(pl.String).fill_null("null")


def quarters(column: pl.Series) -> pl.Series:
    """Return which quarter of the rows each number falls into, named by its bounds."""
    edges = sorted({float(edge) for q in (0.25, 0.5, 0.75) if (edge := column.quantile(q)) is not None})
    shown = [f"{edge:.4g}" for edge in edges]
    names = [f"< {shown[0]}", *(f"{a} to {b}" for a, b in pairwise(shown)), f">= {shown[-1]}"]
    places = np.searchsorted(edges, column.cast(pl.Float64).fill_null(0.0).to_numpy(), side="right")
    texts = pl.Series([names[place] for place in places], dtype=pl.String)
    return texts.zip_with(column.is_not_null(), pl.Series(["null"] * len(texts), dtype=pl.String))


def groups(predictions: Predictions, specs: tuple[str, ...]) -> list[Group]:
    """Return the largest groups of labelled rows that the specs make, larger first, then by name."""
    frame = predictions.frame.select(
        pl.Series("known", predictions.known), *(texts_of(predictions, column) for column in slice_columns(specs))
    )
    found = [group for one in dict.fromkeys(specs) for group in groups_of(frame, one)]
    return sorted(found, key=lambda group: (-int(group.rows.sum()), group.name))[:MOST]


def texts_of(predictions: Predictions, column: str) -> pl.Series:
    if SLICE + column not in predictions.frame.columns:
        raise PermanentError(
            f"predictions of {predictions.service!r} have no slice column {column!r}",
            found=", ".join(name.removeprefix(SLICE) for name in predictions.frame.columns if name.startswith(SLICE)),
            next_step="correct evaluate.slices in service.yaml, then `headgate evaluate`",
        )
    return predictions.frame[SLICE + column].cast(pl.String).fill_null("null").alias(column)


def groups_of(frame: pl.DataFrame, one: str) -> Iterator[Group]:
    """Yield the groups of one spec: the largest that could be kept."""
    columns = slice_columns((one,))
    sizes = (
        frame.filter("known").group_by(columns).len().sort("len", *columns, descending=[True, *[False] * len(columns)])
    )
    for row in sizes.head(MOST).iter_rows(named=True):
        same = pl.all_horizontal("known", *(pl.col(column) == row[column] for column in columns))
        name = ", ".join(f"{column}={row[column]}" for column in columns)
        yield Group(name, frame.select(same).to_series().to_numpy())


def measure_slices(predictions: Predictions, specs: tuple[str, ...], metrics: tuple[str, ...]) -> tuple[Slice, ...]:
    """Return each group's metrics, larger groups first."""
    taken = [(group.name, predictions.taken(group.rows)) for group in groups(predictions, specs)]
    return tuple(measure_slice(name, rows, metric) for name, rows in taken for metric in metrics)


def measure_slice(name: str, taken: Taken, metric: str) -> Slice:
    candidate = score(metric, taken.label, taken.by_role["candidate"])
    against = taken.by_role.get("champion")
    champion = Undefined("no champion yet") if against is None else score(metric, taken.label, against)
    delta = paired(candidate, champion, taken.clusters)
    return Slice(
        name=name,
        metric=metric,
        candidate=candidate.value if isinstance(candidate, Scored) else None,
        champion=champion.value if isinstance(champion, Scored) else None,
        delta=None if isinstance(delta, Undefined) else delta,
        reason=delta.reason if isinstance(delta, Undefined) else None,
        rows=taken.rows,
        clusters=taken.cluster_count,
    )
