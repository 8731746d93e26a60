"""How far is a part of the reference from the rest of it? What a window does by season and chance alone."""

from datetime import timedelta

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate.contract.times import as_naive_utc
from headgate.drift.columns import profile_like, shares
from headgate.drift.kept import Null
from headgate.errors import PermanentError
from headgate.stats.distances import METHODS, distance
from headgate.stats.profile import Numbers, Profile, cells

Codes = NDArray[np.int64]
PARTIAL = -1
"""The code of rows in no whole block: they are part of every block's rest."""
MOST_BLOCKS = 100
FEWEST_BLOCKS = 2
"""With fewer there is nothing to compare a block with."""
WHOLE = 0.8
"""Share of its length that the oldest block must span: a week of one row a day spans six days."""


def codes(rows: int, times: pl.Series | None, length: timedelta, min_rows: int) -> Codes:
    """Return each row's block: as long as a window, the last ending with the reference; or rows in a row.

    Without event time a block is `min_rows` rows or more, in the order they have.
    """
    if times is None:
        return _by_order(rows, min_rows)
    if len(times) != rows:
        raise PermanentError(f"{len(times):,} times don't pair with {rows:,} reference rows")
    moments = as_naive_utc(times).to_physical().cast(pl.Float64).to_numpy()
    if not np.isfinite(moments).any():
        return np.full(rows, PARTIAL, dtype=np.int64)
    step = length / timedelta(microseconds=1)
    before_end = np.nanmax(moments) - moments
    whole = np.floor(np.nanmax(before_end) / step + 1 - WHOLE)
    block = np.nan_to_num(np.floor(before_end / step), nan=np.inf)
    return np.where(block < max(whole, 1), block, PARTIAL).astype(np.int64)


def _by_order(rows: int, min_rows: int) -> Codes:
    size = max(min_rows, -(-rows // MOST_BLOCKS))
    block = np.arange(rows) // size
    return np.where(block < rows // size, block, PARTIAL).astype(np.int64)


def null_of(column: pl.Series, whole: Profile, blocks: Codes, min_rows: int) -> Null:
    """Return how far the column's blocks of at least `min_rows` rows are from all its other rows."""
    pairs = []
    for block in np.unique(blocks[blocks != PARTIAL]):
        chosen = blocks == block
        if chosen.sum() >= min_rows:
            part = profile_like(column.filter(pl.Series(chosen)), whole)
            pairs += [(without(whole, part), part)] if part is not None else []
    if len(pairs) < FEWEST_BLOCKS:
        return Null(blocks=len(pairs))
    return Null(
        blocks=len(pairs),
        distances={name: max(distance(name, rest, part) or 0.0 for rest, part in pairs) for name in METHODS},
        shares={
            name: max(change(name, rest, part) for rest, part in pairs) for name in ("missing", "infinite", "unseen")
        },
    )


def wider(one: Null, other: Null) -> Null:
    """Return the null that excuses what either excuses."""
    return Null(
        blocks=max(one.blocks, other.blocks),
        distances=_largest(one.distances, other.distances),
        shares=_largest(one.shares, other.shares),
    )


def _largest(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in sorted({*one, *other})}


def change(share: str, rest: Profile, part: Profile) -> float:
    """Return how much a share of the part differs from the rest's; a category the rest lacks is unseen."""
    if share == "unseen" and not isinstance(part, Numbers):
        fresh = [count for count, other in zip(part.counts, rest.counts, strict=True) if not other]
        return (sum(fresh) + part.unseen) / max(1, int(cells(part).sum()))
    return abs(shares(part)[share] - shares(rest)[share])


def without(whole: Profile, part: Profile) -> Profile:
    """Return the whole less one of its parts: the opposite of a merge."""
    counts = tuple(a - b for a, b in zip(whole.counts, part.counts, strict=True))
    nulls = whole.nulls - part.nulls
    if isinstance(whole, Numbers) and isinstance(part, Numbers):
        return msgspec.structs.replace(whole, counts=counts, nulls=nulls, infinite=whole.infinite - part.infinite)
    if not isinstance(whole, Numbers) and not isinstance(part, Numbers):
        return msgspec.structs.replace(whole, counts=counts, nulls=nulls, unseen=whole.unseen - part.unseen)
    raise PermanentError("a part of numbers has no whole of categories")
