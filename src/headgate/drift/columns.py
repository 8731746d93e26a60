"""What a column of any frame is to drift: numbers, categories, or neither. Nothing here raises on a strange column."""

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from headgate.stats.profile import Categories, Numbers, Profile, categories_of, cuts, known_categories, numbers_of

Kind = Literal["numbers", "categories", "empty", "other"]
Floats = NDArray[np.float64]

BINS = 10
"""Deciles: 20 bins see no more at a week's rows, and their noise is larger."""
WORDS = (pl.String, pl.Categorical, pl.Enum)
UNITS_A_DAY = (
    (pl.Date, 1),
    (pl.Time, 86_400_000_000_000),
    (pl.Datetime, 86_400_000_000),
    (pl.Duration, 86_400_000_000),
)
"""Polars keeps dates as days, times of day as nanoseconds; the others are cast to microseconds."""


def kind_of(column: pl.Series) -> Kind:
    """Say what a column holds; `empty` fits either, `other` (lists, structs, bytes) fits none.

    >>> kind_of(pl.Series([1.5])), kind_of(pl.Series(["a"])), kind_of(pl.Series([None])), kind_of(pl.Series([[1]]))
    ('numbers', 'categories', 'empty', 'other')
    """
    dtype = column.dtype
    if dtype == pl.Null:
        return "empty"
    if dtype in WORDS:
        return "categories"
    if dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean:
        return "numbers"
    return "other"


def profile(column: pl.Series) -> Profile | None:
    """Return a reference column's profile, None when it is neither numbers nor categories."""
    kind = kind_of(column)
    if kind == "other":
        return None
    if kind == "categories":
        counted = counts(column)
        return categories_of(counted, known_categories(counted))
    return numbers_profile(column)


def numbers_profile(column: pl.Series) -> Numbers:
    """Return the profile of a column of numbers, in bins made of its own deciles."""
    values = numbers(column)
    return numbers_of(values, cuts(values, BINS))


def profile_like(column: pl.Series, reference: Profile) -> Profile | None:
    """Return a column's profile in the reference's bins, None when it is of another kind."""
    kind = kind_of(column)
    if isinstance(reference, Categories):
        return categories_of(counts(column), reference.known) if kind in {"categories", "empty"} else None
    return numbers_of(numbers(column), reference.cuts) if kind in {"numbers", "empty"} else None


def numbers(column: pl.Series) -> Floats:
    """Return numbers with NaN for null: booleans as 0 and 1, times as days."""
    if column.dtype.is_temporal():
        return times_in_days(column)
    plain = column if column.dtype == pl.Float64 else column.cast(pl.Float64, strict=False)
    return plain.to_numpy()  # which makes null NaN


def times_in_days(column: pl.Series) -> Floats:
    if isinstance(column.dtype, pl.Datetime | pl.Duration):
        column = column.dt.cast_time_unit("us")
    unit = next(size for dtype, size in UNITS_A_DAY if column.dtype == dtype)
    return (column.to_physical().cast(pl.Float64) / unit).fill_null(float("nan")).to_numpy()


def counts(column: pl.Series) -> dict[str | None, int]:
    """Return rows by category; None is null."""
    counted = column.cast(pl.String, strict=False).alias("value").value_counts(name="rows")
    return dict(counted.iter_rows())


def scores_frame(scores: ArrayLike, classes: tuple[str, ...] = ()) -> pl.DataFrame:
    """Return a model's answers as columns: `score`, or one a class, `score.<class>`.

    >>> scores_frame([[0.2, 0.8]], ("no", "yes")).columns
    ['score.no', 'score.yes']
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim < 2:
        return pl.DataFrame({"score": values.reshape(-1)})
    matrix = values.reshape(len(values), -1)
    names = classes if len(classes) == matrix.shape[1] else tuple(map(str, range(matrix.shape[1])))
    return pl.DataFrame({f"score.{name}": matrix[:, code] for code, name in enumerate(names)})


def shares(counted: Profile) -> dict[str, float]:
    """Return the shares of rows that are null, infinite or unseen; what does not apply is 0."""
    odd = counted.infinite if isinstance(counted, Numbers) else counted.unseen
    rows = max(1, sum(counted.counts) + odd + counted.nulls)
    numeric = isinstance(counted, Numbers)
    return {
        "missing": counted.nulls / rows,
        "infinite": odd / rows if numeric else 0.0,
        "unseen": 0.0 if numeric else odd / rows,
    }
