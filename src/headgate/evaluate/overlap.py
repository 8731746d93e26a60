"""Were gate rows among the rows that were learned from? Counted by id."""

from collections.abc import Iterable

import polars as pl


def overlap_rows(gate_ids: pl.Series, learned_ids: Iterable[pl.Series]) -> int:
    """Return how many gate rows have an id that train or tune rows have too; a null id is nobody's."""
    seen = pl.concat([pl.Series("id", [], dtype=pl.String), *(s.cast(pl.String).alias("id") for s in learned_ids)])
    return int(gate_ids.cast(pl.String).drop_nulls().is_in(seen.drop_nulls().unique().implode()).sum())


def duplicate_ids(ids: pl.Series) -> int:
    """Return how many rows repeat the id of an earlier one."""
    present = ids.drop_nulls()
    return present.len() - present.n_unique()
