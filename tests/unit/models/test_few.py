"""A few rows are encoded to the same numbers as many, bit by bit, whatever their kinds."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.models.encoding import encode, encode_by_query
from headgate.models.few import FEW, encode_few
from headgate.models.signature import Feature, Signature
from headgate.names import Name

WORDS = ("a", "b", "ü", "")
BITS = {pl.Int8: 8, pl.Int16: 16, pl.Int32: 32}
LARGE = st.sampled_from([2**24 + 1, 2**53 + 1, 2**60 + 2**36 + 1])
VALUES: dict[Any, Any] = {
    pl.Float64: st.floats() | st.sampled_from([1e39, -3.5e38, 0.1, 1e-46, -0.0, float("inf")]),
    pl.Float32: st.floats(width=32),
    **{kind: st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for kind, bits in BITS.items()},
    pl.Int64: LARGE | st.integers(-(2**63), 2**63 - 1),
    pl.UInt8: st.integers(0, 2**8 - 1),
    pl.UInt64: LARGE | st.integers(0, 2**64 - 1),
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


@pytest.mark.parametrize("kind", VALUES, ids=str)
@settings(max_examples=25)
@given(data=st.data())
def test_a_few_rows_are_encoded_as_many_are(kind: Any, data: st.DataObject) -> None:
    """Nulls, NaN, infinity, numbers too large for float32, integers that floats round, unknown words."""
    values = data.draw(st.lists(VALUES[kind], max_size=3)) + [None] * data.draw(st.integers(0, 1))
    is_words = kind == pl.String or (kind in WORDED and data.draw(st.booleans()))
    features = pl.DataFrame([pl.Series("a", values, kind), pl.Series("b", [1.5] * len(values))])
    one = Feature(name="a", kind="category", categories=WORDS) if is_words else Feature(name="a", kind="number")
    model = signature([Feature(name="b", kind="number"), one])

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
