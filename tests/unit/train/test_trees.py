"""Boosted trees decide in ONNX exactly as in scikit-learn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from headgate.models.encoding import Matrix
from headgate.models.loading import Loaded
from headgate.models.signature import Feature, Signature
from headgate.names import Digest
from headgate.train.convert import to_onnx
from headgate.train.trees import floor32


def packaged(model: Any, width: int, task: str, classes: int) -> Loaded:
    signature = Signature(
        service="world",
        task=task,  # type: ignore[arg-type]
        classes=tuple(str(code) for code in range(classes)),
        features=tuple(Feature(name=f"f{number}", kind="number") for number in range(width)),
    )
    return Loaded(signature, to_onnx(model, signature), Digest("0" * 64))


@given(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False))
def test_a_threshold_rounded_down_decides_every_float32_the_same(threshold: float, value: float) -> None:
    """x <= t and x <= floor32(t) are one question when x is a float32."""
    assert (value <= threshold) == (np.float32(value) <= np.float32(floor32(threshold)))


def test_rounding_to_the_nearest_would_decide_otherwise() -> None:
    """The reason for rounding down: 0.15 as float32 is above 0.15."""
    value = np.float32(0.15)

    assert not float(value) <= 0.15
    assert value <= np.float32(0.15)


def test_a_value_on_a_threshold_goes_the_way_it_went_in_training() -> None:
    """Midpoints of decimals are decimals themselves; here every value is tried that could be one."""
    x = np.repeat(np.arange(0, 40, 2, dtype=np.float32) / 10, 40).reshape(-1, 1)
    y = (np.arange(len(x)) // 40 % 2).astype(float)
    model = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5).fit(x, y)
    between = (np.arange(-10, 50, dtype=np.float64) / 10).astype(np.float32)
    near = np.concatenate([between, np.nextafter(between, np.float32(9)), np.nextafter(between, np.float32(-9))])

    found = packaged(model, 1, "regression", 0).predict_matrix(near.reshape(-1, 1))

    np.testing.assert_allclose(found, model.predict(near.reshape(-1, 1)), atol=1e-6)


def with_categories(seed: int, n: int = 600) -> tuple[Matrix, Any]:
    """Return columns (number, 60 categories, number, 3 categories with missing ones) and an effect of each."""
    draw = np.random.default_rng(seed)
    x = np.stack(
        [draw.normal(size=n), draw.integers(0, 60, n), draw.normal(size=n).round(1), draw.integers(0, 3, n)], axis=1
    ).astype(np.float32)
    x[draw.random(x.shape) < 0.1] = np.nan
    effect = np.nan_to_num(x[:, 0]) + (np.nan_to_num(x[:, 1]) % 7 > 3) - (x[:, 3] == 1) + draw.normal(size=n) / 3
    return x, effect


UNSEEN = np.array([[0.1, 99, 0.1, 7], [np.nan, np.nan, np.nan, np.nan], [np.inf, 59, -np.inf, 2]], dtype=np.float32)


@pytest.mark.parametrize("categorical", [[1, 3], [3], [0, 1, 2, 3]], ids=str)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_categorical_splits_missing_and_unknown_values_agree(task: str, categorical: list[int]) -> None:
    """scikit-learn reorders columns and recodes categories; a category it never saw counts as missing."""
    x, effect = with_categories(1)
    if 0 in categorical:
        x = np.abs(x).round()
    y = {"binary": effect > 0.5, "multiclass": np.digitize(effect, [0, 1]), "regression": effect}[task]
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    model = kind(max_iter=10, min_samples_leaf=5, categorical_features=categorical, random_state=0).fit(x, y)
    rows = np.concatenate([x, np.nan_to_num(UNSEEN, nan=np.nan, posinf=8, neginf=8) if 0 in categorical else UNSEEN])

    classes = {"binary": 2, "multiclass": 3, "regression": 0}[task]
    found = packaged(model, 4, task, classes).predict_matrix(rows)

    told = model.predict(rows) if task == "regression" else model.predict_proba(rows)
    np.testing.assert_allclose(found, told[:, 1] if task == "binary" else told, atol=2e-6)


def test_a_category_column_without_any_value_is_no_obstacle() -> None:
    """All missing in training is constant; it happens in a short window."""
    x, effect = with_categories(2)
    x[:, 3] = np.nan
    model = HistGradientBoostingRegressor(max_iter=5, categorical_features=[1, 3]).fit(x, effect)

    found = packaged(model, 4, "regression", 0).predict_matrix(x)

    np.testing.assert_allclose(found, model.predict(x), atol=2e-6)


def test_trees_of_a_single_leaf_predict_the_baseline() -> None:
    """Nothing to learn is a model too; the gate refuses it, not the converter."""
    x = np.ones((100, 2), dtype=np.float32)
    y = (np.arange(100) % 4 == 0).astype(float)
    model = HistGradientBoostingClassifier(max_iter=3).fit(x, y)

    found = packaged(model, 2, "binary", 2).predict_matrix(x[:2])

    np.testing.assert_allclose(found, [0.25, 0.25], atol=1e-6)
