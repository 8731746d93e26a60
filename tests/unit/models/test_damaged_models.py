"""Bytes that are no model, or a damaged one, are refused before a library follows them astray."""

import json
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
import xgboost
from fitted import X, Y, booster_text, kept, loaded, refused, trees
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.models.packed import Format


@pytest.mark.parametrize("format_", ["onnx", "lightgbm", "xgboost", "skops"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", b"tree\n", b"PK\x03\x04", b"{L\x00", b"\x08\x08\xff"])
def test_bytes_that_are_no_model_are_an_error_of_ours(format_: Format, content: bytes) -> None:
    """No library's exception reaches a caller, and none crashes the process."""
    assert refused(kept(format_, content))


@pytest.mark.parametrize("kind", ["ubj", "json"])
def test_an_xgboost_model_cut_short_anywhere_never_reaches_its_reader(kind: str) -> None:
    """XGBoost follows lengths past the end of what it is given, and asks for all the memory there is."""
    content = bytes(trees().save_raw(kind))

    for end in range(0, len(content), 61):
        assert "cut short" in refused(kept("xgboost", b"{" + content[1:end]))
    assert loaded(kept("xgboost", content))


@pytest.mark.parametrize(
    "content",
    [
        b"{L" + (7).to_bytes(8, "big") + b"learner",
        b"{L" + b"\x7f" + b"\xff" * 7,
        b"{L" + b"\xff" * 8 + b"}",
        b"{L" + (1).to_bytes(8, "big") + b"a[$T#L" + b"\x7f" + b"\xff" * 7 + b"}",
        b"{L" + (1).to_bytes(8, "big") + b"a[#L" + b"\x7f" + b"\xff" * 7 + b"}",
        b"{L" + (1).to_bytes(8, "big") + b"a" + b"[" * 100_000,
        b'{"a":' + b"[" * 100_000,
        b"{L" + (1).to_bytes(8, "big") + b"aZ}more",
    ],
)
def test_lengths_and_depths_that_lie_are_refused(content: bytes) -> None:
    """At once, without the memory they claim; and it is said how to mend it."""
    said = refused(kept("xgboost", content))

    assert "of the XGBoost model" in said
    assert "next: write it again with Booster.save_model" in said


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_lightgbm_text_never_ends_the_process(data: st.DataObject) -> None:
    """LightGBM follows the sizes and indices of its text, and aborts on a number that is none."""
    content = bytearray(booster_text())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
            content[place] = data.draw(st.sampled_from(b"0123456789-. =\nab"))

    with suppress(PermanentError):
        assert loaded(kept("lightgbm", bytes(content))).predict_matrix(X).shape == (200,)


def test_a_number_that_only_python_reads_never_reaches_lightgbm() -> None:
    """`1_9`: LightGBM ends the process."""
    head, name, rest = booster_text().partition(b"\nleaf_count=")

    assert "damaged" in refused(kept("lightgbm", head + name + rest[:1] + b"_" + rest[2:]))


@cache
def models() -> list[bytes]:
    """Return small models of numbers and of categories, in both of XGBoost's formats."""
    coarse = np.column_stack([np.digitize(X[:, 0], [-1, 0, 1]), X[:, 1]]).astype(np.float32)
    matrix = xgboost.DMatrix(coarse, Y, feature_types=["c", "q"], enable_categorical=True)
    params = {"objective": "binary:logistic", "nthread": 1, "max_cat_to_onehot": 1, "max_depth": 3}
    made = (
        trees(),
        xgboost.train(params, matrix, num_boost_round=2),
        xgboost.train(params | {"booster": "dart"}, matrix, 2),
    )
    return [bytes(one.save_raw(kind)) for one in made for kind in ("ubj", "json")]


@pytest.mark.parametrize("number", range(6))
def test_a_model_of_every_kind_passes_as_xgboost_wrote_it(number: int) -> None:
    """What is looked through before XGBoost does is what XGBoost writes."""
    assert loaded(kept("xgboost", models()[number])).predict_matrix(X).shape == (200,)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_xgboost_model_never_ends_the_process(data: st.DataObject) -> None:
    """XGBoost follows indices of nodes, parents, features and categories wherever they lead."""
    content = bytearray(data.draw(st.sampled_from(models())))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))

    with suppress(PermanentError):
        assert loaded(kept("xgboost", bytes(content))).predict_matrix(X).shape == (200,)


WRONG = {
    "left_children": 1 << 20,
    "right_children": 0,
    "parents": 7 << 20,
    "split_indices": 2,
    "split_type": 1,
    "default_left": None,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_tree_that_points_at_what_is_not_there_is_refused(name: str) -> None:
    """In the first node, or by a list that is too short."""
    document = json.loads(trees().save_raw("json"))
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    tree[name] = tree[name][1:] if WRONG[name] is None else [WRONG[name], *tree[name][1:]]
    if name == "parents":
        tree[name] = [tree[name][1], WRONG[name], *tree[name][2:]]

    assert "trees of the XGBoost model are damaged" in refused(kept("xgboost", json.dumps(document).encode()))


def test_a_lightgbm_text_that_ends_anywhere_is_cut_short() -> None:
    """Never a model of fewer trees."""
    content = booster_text()

    for end in range(5, len(content) - 60, 101):
        assert "cut short" in refused(kept("lightgbm", content[:end]))
