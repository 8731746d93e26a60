"""Contributions of linear models: the weights times what is above the mean, or nothing."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from headgate.models.loading import Loaded
from headgate.models.signature import Feature, Signature
from headgate.names import Digest, Name
from headgate.train.convert import to_onnx
from headgate.train.linear import LINEAR_DEFAULTS, LOGISTIC_DEFAULTS, fit_linear, fit_logistic
from headgate.train.sample import Sample

DRAW = np.random.default_rng(8)
X = np.column_stack([DRAW.normal(3, 5, 500), DRAW.normal(-1, 0.1, 500), DRAW.integers(0, 3, 500)]).astype(np.float32)
X[::11, 0] = np.nan
FEATURES = (
    Feature(name="a", kind="number"),
    Feature(name="b", kind="number"),
    Feature(name="c", kind="category", categories=("x", "y", "z")),
)
MARGIN = np.nan_to_num(X[:, 0]) * 0.3 + X[:, 1] * 5 + (X[:, 2] == 1) + 4


def signature(task: str, classes: tuple[str, ...]) -> Signature:
    return Signature(service=Name("s"), task=task, classes=classes, features=FEATURES)  # type: ignore[arg-type]


def loaded(estimator: Any, task: str, classes: tuple[str, ...] = ()) -> Loaded:
    made = signature(task, classes)
    return Loaded(made, to_onnx(estimator, made), Digest("a" * 64))


def sample(y: np.ndarray, task: Any = "binary") -> Sample:
    categorical = np.array([False, False, True])
    rows = pl.DataFrame({"y": y})
    clusters = np.arange(len(y))
    names, classes = ("a", "b", "c"), tuple(map(str, range(int(y.max()) + 1)))
    return Sample(
        x=X, y=y, names=names, categorical=categorical, rows=rows, clusters=clusters, task=task, classes=classes
    )


def test_a_forest_has_none() -> None:
    """Its parts would not add up."""
    forest = HistGradientBoostingClassifier(max_iter=20, random_state=1).fit(X, MARGIN > 0)

    assert loaded(forest, "binary", ("0", "1")).contributions(X[:5]) is None


def test_several_classes_have_none() -> None:
    """A softmax's log-odds are no sum over features."""
    y = np.digitize(MARGIN, [-1, 1]).astype(float)
    fitted = fit_logistic(sample(y), sample(y), LOGISTIC_DEFAULTS, 7)

    assert loaded(fitted, "multiclass", ("0", "1", "2")).contributions(X[:5]) is None


def test_a_logistic_models_are_its_weights() -> None:
    """Each number's weight times its distance from the mean in standard deviations; missing adds nothing."""
    y = (MARGIN + DRAW.normal(size=500) > 0).astype(float)
    fitted = fit_logistic(sample(y), sample(y), LOGISTIC_DEFAULTS, 7)

    found = loaded(fitted, "binary", ("0", "1")).contributions(X)

    assert found is not None
    assert (500, 1, 4) == found.shape
    prepared = fitted[0].transform(X.astype(np.float64))
    weights = fitted[-1].coef_[0]
    np.testing.assert_allclose(found[:, 0, :2], prepared[:, :2] * weights[:2], atol=3e-3)
    np.testing.assert_allclose(found[:, 0].sum(axis=1), fitted.decision_function(X), atol=5e-3)
    assert (found[::11, 0, 0] == 0).all()


def test_a_ridge_models_are_its_weights() -> None:
    """In the label's own unit."""
    fitted = fit_linear(sample(MARGIN), sample(MARGIN), LINEAR_DEFAULTS, 7)

    found = loaded(fitted, "regression").contributions(X)

    assert found is not None
    np.testing.assert_allclose(found[:, 0].sum(axis=1), fitted.predict(X), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found[:, 0, 1], fitted[0].transform(X)[:, 1] * fitted[-1].coef_[1], atol=1e-3)


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows_are_as_many(rows: int) -> None:
    """None of none."""
    fitted = fit_linear(sample(MARGIN), sample(MARGIN), LINEAR_DEFAULTS, 7)

    found = loaded(fitted, "regression").contributions(X[:rows])

    assert found is not None
    assert (rows, 1, 4) == found.shape
