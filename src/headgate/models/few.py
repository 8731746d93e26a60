"""A few rows of features to the model's matrix without a query, which costs the same for one row as for thousands.

The same numbers as by the query, bit by bit (a property test compares them); what is not as simple is left to it.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate.models.formats import Matrix
from headgate.models.signature import Feature, Signature

FEW = 512
"""Rows; for more of them a query is the quicker way."""

Read = Callable[[pl.Series, Feature], NDArray[Any] | None]


def encode_few(features: pl.DataFrame, signature: Signature) -> Matrix | None:
    """Return the float32 matrix (rows, features), None where it takes a query, or words of what is wrong."""
    kinds = dict(zip(features.columns, map(type, features.dtypes), strict=True))
    matrix = np.empty((features.height, len(signature.features)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for place, feature in enumerate(signature.features):
            read = READ.get((feature.kind, kinds.get(feature.name)))
            values = read(features.get_column(feature.name), feature) if read else None
            if values is None:
                return None
            matrix[:, place] = values
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def floats(column: pl.Series, _feature: Feature) -> NDArray[Any]:
    return column.to_numpy()


def whole(column: pl.Series, _feature: Feature) -> NDArray[Any] | None:
    """Return integers or booleans; with nulls among them numpy would round large ones twice."""
    return None if column.null_count() else column.to_numpy()


def words(column: pl.Series, feature: Feature) -> NDArray[np.float64]:
    codes, nan = codes_of(feature.categories), np.nan
    return np.array([codes.get(word, nan) for word in column.to_list()], dtype=np.float64)


@lru_cache(maxsize=4096)
def codes_of(categories: tuple[str, ...]) -> Mapping[str | None, float]:
    return {word: float(code) for code, word in enumerate(categories)}


INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
READ: Mapping[tuple[str, type[pl.DataType] | None], Read] = {
    **{("number", kind): floats for kind in (pl.Float32, pl.Float64)},
    **{("number", kind): whole for kind in (*INTEGERS, pl.Boolean)},
    ("category", pl.String): words,
}
"""By a feature's kind and its column's dtype."""
