"""Features to a signature, and any features to the numbers that its model was fitted on."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
import polars as pl

from headgate.errors import PermanentError
from headgate.models.few import FEW, encode_few
from headgate.models.formats import Matrix
from headgate.models.signature import Feature, Signature
from headgate.names import did_you_mean
from headgate.specs.service import Service

MOST_CATEGORIES = 254
"""The most frequent ones have a code of their own, the others are unknown: trees bin into 255, one for missing."""
NOT_WORDS = (pl.Categorical, pl.Enum)


def of(features: pl.DataFrame, spec: Service, classes: Sequence[str]) -> Signature:
    """Return the signature that training features make: text is a category, all else a number.

    A column without any value in the training rows teaches nothing and is left out.
    """
    known = tuple(feature_of(column) for column in features if column.null_count() < len(column))
    made = Signature(service=spec.service, task=spec.task, classes=tuple(classes), features=known)
    empty = [bool(column.all()) for column in np.isnan(encode(features, made)).T]
    if all(empty):
        raise PermanentError(
            f"no feature of {spec.service!r} has a value in {features.height:,} training rows",
            found=", ".join(features.columns[:40]),
        )
    return msgspec.structs.replace(made, features=tuple(f for f, gone in zip(known, empty, strict=True) if not gone))


def feature_of(column: pl.Series) -> Feature:
    kind = column.dtype
    if kind == pl.String or kind in NOT_WORDS:
        return Feature(name=column.name, kind="category", categories=frequent(column.cast(pl.String)))
    if not is_number(kind):
        raise PermanentError(
            f"feature {column.name!r} is {str(kind).lower()}; expected numbers, text, booleans or times",
            next_step="make a number or text of it in data.features, or give it the role `ignore`",
        )
    return Feature(name=column.name, kind="number")


def frequent(column: pl.Series) -> tuple[str, ...]:
    """Return the most frequent texts, sorted."""
    counts = column.drop_nulls().value_counts(name="rows").sort(["rows", column.name], descending=[True, False])
    return tuple(sorted(counts[column.name].head(MOST_CATEGORIES).to_list()))


def is_number(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind.is_temporal() or kind in {pl.Boolean, pl.Null}


def encode(features: pl.DataFrame, signature: Signature) -> Matrix:
    """Return the float32 matrix (rows, features) a model is given; what is missing, unknown or infinite is NaN.

    Booleans are 0 and 1, times days since 1970, durations days, categories their codes.
    """
    if features.height <= FEW and (few := encode_few(features, signature)) is not None:
        return few
    return encode_by_query(features, signature)


def encode_by_query(features: pl.DataFrame, signature: Signature) -> Matrix:
    """Return what `encode` does, of any kinds and however many rows; PermanentError names a feature that is missing."""
    schema = features.schema  # made anew each time it is asked for: a thousand columns would ask a thousand times
    expressions = tuple(expression(feature, schema, signature.service) for feature in signature.features)
    matrix = np.array(features.select(expressions).to_numpy(), dtype=np.float32, order="C")
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def expression(feature: Feature, schema: pl.Schema, service: str) -> pl.Expr:
    kind = schema.get(feature.name)
    if kind is None:
        raise PermanentError(
            f"features of {service!r} lack {feature.name!r}, which the model was fitted on."
            f"{did_you_mean(feature.name, schema)}",
            found=", ".join(list(schema)[:40]),
        )
    if feature.kind == "category":
        if kind.is_nested() or kind.is_temporal():
            raise wrong_kind(feature, kind, "text")
        return category(feature.name, feature.categories)
    if not is_number(kind):
        raise wrong_kind(feature, kind, "a number")
    return number(feature.name, kind)


def wrong_kind(feature: Feature, kind: pl.DataType, expected: str) -> PermanentError:
    return PermanentError(
        f"feature {feature.name!r} is {str(kind).lower()}; the model was fitted on {expected}",
        next_step="give it the type it had in training; contract.yaml names it",
    )


@lru_cache(maxsize=4096)
def category(name: str, categories: tuple[str, ...]) -> pl.Expr:
    """Return codes; making an Enum costs more than encoding a row, so it is made once."""
    words = pl.col(name).cast(pl.String).cast(pl.Enum(categories), strict=False)
    return words.to_physical().cast(pl.Float32)


@lru_cache(maxsize=4096)
def number(name: str, kind: pl.DataType) -> pl.Expr:
    return days(pl.col(name), kind).cast(pl.Float32, strict=False).alias(name)


DAY_MICROSECONDS = 86_400_000_000


def days(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if kind == pl.Date:
        return column.to_physical()
    if kind == pl.Time:
        return column.to_physical() / (DAY_MICROSECONDS * 1000)
    if kind == pl.Duration:
        return column.dt.total_microseconds() / DAY_MICROSECONDS
    if kind == pl.Datetime:
        return column.dt.timestamp("us") / DAY_MICROSECONDS
    return column
