"""A few rows are encoded to the same numbers as many, bit by bit, whatever their kinds."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.models.encoding import encode, encode_by_query
from headgate.models.few import FEW, encode_few
from headgate.models.signature import Feature, Signature
from headgate.names import Name

WORDS = ("a", "b", "ü", "")
BITS = {pl.Int8: 8, pl.Int16: 16, pl.Int32: 32, pl.Int64: 64}
VALUES: dict[Any, Any] = {
    pl.Float64: st.floats() | st.sampled_from([1e39, -3.5e38, 0.1, 1e-46, -0.0]),
    pl.Float32: st.floats(width=32),
    **{kind: st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for kind, bits in BITS.items()},
    pl.UInt8: st.integers(0, 2**8 - 1),
    pl.UInt64: st.integers(0, 2**64 - 1) | st.sampled_from([2**53 + 1, 2**60 + 2**36 + 1]),
    pl.Boolean: st.booleans(),
    pl.String: st.sampled_from([*WORDS, "unknown"]),
    pl.Datetime("us"): st.datetimes(),
    pl.Date: st.dates(),
    pl.Null: st.none(),
}
WORDED = (pl.String, pl.Float64, pl.Int64, pl.Boolean)
"""What a query makes words of where the model was fitted on words."""


def signature(features: list[Feature]) -> Signature:
    return Signature(service=Name("s"), task="regression", classes=(), features=tuple(features))


@st.composite
def frames(draw: st.DrawFn) -> tuple[pl.DataFrame, Signature]:
    """Return features of any kinds, and a model that was fitted on some of them in another order."""
    count = draw(st.integers(0, 4))
    columns, features = [], []
    for place in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(list(VALUES)))
        nulls = st.none() if draw(st.booleans()) else st.nothing()
        values = draw(st.lists(VALUES[kind] | nulls, min_size=count, max_size=count))
        columns.append(pl.Series(f"c{place}", values, kind))
        is_words = kind == pl.String or (kind in WORDED and draw(st.booleans()))
        of_words = Feature(name=f"c{place}", kind="category", categories=WORDS)
        features.append(of_words if is_words else Feature(name=f"c{place}", kind="number"))
    chosen = draw(st.lists(st.sampled_from(features), min_size=1, unique=True))
    return pl.DataFrame(columns), signature(chosen)


@given(frames())
def test_a_few_rows_are_encoded_as_many_are(case: tuple[pl.DataFrame, Signature]) -> None:
    """Nulls, NaN, infinity, numbers too large for float32, integers that floats round, unknown words."""
    features, model = case

    found = encode(features, model)

    expected = encode_by_query(features, model)
    assert (found.dtype, found.shape, found.flags.c_contiguous) == (np.float32, expected.shape, True)
    assert found.tobytes() == expected.tobytes()


def test_what_most_functions_return_needs_no_query() -> None:
    """Words, floats, integers and booleans."""
    features = pl.DataFrame({"a": ["x", None], "b": [1.5, None], "c": [1, 2], "d": [True, False]})
    model = signature(
        [Feature(name="a", kind="category", categories=("x",)), *(Feature(name=name, kind="number") for name in "bcd")]
    )

    found = encode_few(features, model)

    assert found is not None
    assert np.array_equal(found, [[0, 1.5, 1, 1], [np.nan, np.nan, 2, 0]], equal_nan=True)


@pytest.mark.parametrize("rows", [1, FEW + 1])
def test_a_feature_that_is_missing_or_of_another_kind_is_named_however_few_rows_there_are(rows: int) -> None:
    """The query has the words."""
    features = pl.DataFrame({"a": ["x"] * rows})

    with pytest.raises(PermanentError, match="lack 'b'"):
        encode(features, signature([Feature(name="b", kind="number")]))
    with pytest.raises(PermanentError, match="feature 'a' is string"):
        encode(features, signature([Feature(name="a", kind="number")]))
