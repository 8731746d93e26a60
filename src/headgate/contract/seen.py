"""What is in each column: the facts a contract is inferred from."""

import itertools
from typing import NamedTuple

import polars as pl

from headgate.contract.diff import kind_of

MOST_CATEGORIES = 254
"""More values than this are names, not categories; a model tells at most so many apart."""
BLOCKS = 10
"""Parts of a dataset are about this share of the rows, so null shares are looked at in pieces of this size."""


class Seen(NamedTuple):
    """One column of the rows at hand."""

    kind: str
    rows: int
    empty: int
    """Null or NaN."""
    worst_share: float
    """Largest share of empty values in a tenth of the rows, in time order where there is one."""
    distinct: int
    """Values that are not empty."""
    low: float | int | None
    high: float | int | None
    words: tuple[str, ...]
    """The values of a text column that has few."""

    @property
    def filled(self) -> int:
        return self.rows - self.empty


def look(rows: pl.DataFrame, time: str | None = None) -> dict[str, Seen]:
    """Return what is in every column that a contract has a word for."""
    plain = [name for name, kind in rows.schema.items() if kind_of(kind) in KINDS]
    ordered = rows.sort(time, maintain_order=True) if time else rows
    ordered = ordered.select(
        pl.col(name).fill_nan(None) if rows[name].dtype.is_float() else pl.col(name) for name in plain
    )
    empty = dict(zip(plain, ordered.null_count().row(0), strict=True))
    distinct = dict(zip(plain, ordered.select(pl.all().drop_nulls().n_unique()).row(0), strict=True))
    worst = worst_blocks(ordered)
    return {
        name: Seen(
            kind=kind_of(rows[name].dtype),
            rows=rows.height,
            empty=empty[name],
            worst_share=worst[name],
            distinct=distinct[name],
            words=words_of(ordered[name], distinct[name]),
            **dict(zip(("low", "high"), range_of(ordered[name]), strict=True)),
        )
        for name in plain
    }


KINDS = {"integer", "number", "string", "boolean", "datetime", "date", "empty"}


def worst_blocks(rows: pl.DataFrame) -> dict[str, float]:
    """Return each column's largest share of nulls in a tenth of the rows."""
    edges = [rows.height * i // BLOCKS for i in range(BLOCKS + 1)]
    blocks = [rows[start:end] for start, end in itertools.pairwise(edges) if start < end]
    shares = [[nulls / block.height for nulls in block.null_count().row(0)] for block in blocks]
    return dict(zip(rows.columns, map(max, zip(*shares, strict=True)), strict=True))


def range_of(values: pl.Series) -> tuple[float | int | None, float | int | None]:
    if not values.dtype.is_numeric():
        return None, None
    finite = values.cast(pl.Float64) if values.dtype.is_decimal() else values
    finite = finite.filter(finite.is_finite()) if finite.dtype.is_float() else finite
    return finite.min(), finite.max()  # type: ignore[return-value]


def words_of(values: pl.Series, distinct: int) -> tuple[str, ...]:
    if kind_of(values.dtype) != "string" or not is_vocabulary(distinct, values.len() - values.null_count()):
        return ()
    return tuple(values.drop_nulls().cast(pl.String).unique().sort().to_list())


def is_vocabulary(distinct: int, filled: int) -> bool:
    """Say whether so many distinct texts are categories: few, and each seen five times on average.

    >>> is_vocabulary(16, 75_212), is_vocabulary(3, 9), is_vocabulary(150, 200), is_vocabulary(4_000, 75_212)
    (True, True, False, False)
    """
    return distinct <= MOST_CATEGORIES and distinct <= max(10, filled / 5)
