"""scikit-learn's estimators to ONNX: a table of those that are promised, each equal to itself."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from test_convert import packaged, sample, signature

from headgate.errors import PermanentError
from headgate.models.loading import Loaded
from headgate.names import Digest
from headgate.train.convert import choices, predictor
from headgate.train.packing import packed
from headgate.train.parity import TOLERANCE, parity

CLASSIFIERS: list[Any] = [
    LogisticRegression(),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(MinMaxScaler(), PolynomialFeatures(2), LogisticRegression(max_iter=500)),
    make_pipeline(RobustScaler(), PCA(3), LogisticRegression()),
    make_pipeline(SimpleImputer(), PowerTransformer(), LogisticRegression()),
    make_pipeline(
        KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), LogisticRegression()
    ),
    make_pipeline(
        ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2])]), LogisticRegression()
    ),
    SGDClassifier(loss="log_loss", random_state=0),
    GaussianNB(),
    DecisionTreeClassifier(max_depth=5, random_state=0),
    RandomForestClassifier(10, max_depth=6, random_state=0),
    ExtraTreesClassifier(10, max_depth=6, random_state=0),
    GradientBoostingClassifier(n_estimators=10, random_state=0),
    HistGradientBoostingClassifier(max_iter=10, random_state=0),
    AdaBoostClassifier(n_estimators=5, random_state=0),
    BaggingClassifier(n_estimators=3, max_samples=0.5, random_state=0),
    MLPClassifier((8,), max_iter=60, random_state=0),
    make_pipeline(StandardScaler(), CalibratedClassifierCV(LinearSVC(random_state=0), cv=2)),
    VotingClassifier(
        [("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3))],
        voting="soft",
        flatten_transform=False,
    ),
    StackingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3))], cv=2),
]
REGRESSORS: list[Any] = [
    LinearRegression(),
    Ridge(),
    Lasso(),
    ElasticNet(),
    HuberRegressor(max_iter=1000),
    make_pipeline(StandardScaler(), Ridge()),
    DecisionTreeRegressor(max_depth=5, random_state=0),
    RandomForestRegressor(10, max_depth=6, random_state=0),
    ExtraTreesRegressor(10, max_depth=6, random_state=0),
    GradientBoostingRegressor(n_estimators=10, random_state=0),
]
INEXACT: list[tuple[str, Any]] = [
    ("binary", LinearDiscriminantAnalysis()),  # skl2onnx 1.20 is off by 0.15
    ("regression", make_pipeline(StandardScaler(), QuantileTransformer(n_quantiles=50), Ridge())),
]


def name(model: Any) -> str:
    steps = getattr(model, "steps", [("", model)])
    return " > ".join(type(step).__name__ for _, step in steps)


@pytest.mark.parametrize(("task", "model"), INEXACT, ids=lambda value: value if isinstance(value, str) else name(value))
def test_what_onnx_gets_wrong_is_refused_and_told_the_way_out(task: str, model: Any, tmp_path: Path) -> None:
    """Never served a little wrong; the same model saved by skops is served by scikit-learn itself."""
    rows = sample(task, 400)
    model.fit(rows.x, rows.y)

    with pytest.raises(PermanentError, match="the onnx package does not predict") as caught:
        parity(model, packaged(model, task), rows)

    assert "skops.io.dump" in "\n".join(caught.value.lines())
    skops.io.dump(model, tmp_path / "model.skops")
    made = Loaded(signature(task), packed(tmp_path / "model.skops", signature(task)), Digest("0" * 64))
    estimate = predictor(model, made.signature)
    assert estimate is not None
    np.testing.assert_allclose(estimate(rows.x), made.predict_matrix(rows.x), rtol=1e-6)


def check(model: Any, task: str) -> None:
    rows = sample(task, 400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what did not converge is as good a model to convert
        model.fit(rows.x, rows.y)

    made = packaged(model, task)

    assert parity(model, made, rows) <= TOLERANCE
    if task != "regression":
        estimate = predictor(model, made.signature)
        assert estimate is not None
        np.testing.assert_array_equal(choices(estimate(rows.x)), choices(made.predict_matrix(rows.x)))


@pytest.mark.parametrize("model", CLASSIFIERS, ids=name)
def test_a_classifier_is_itself_in_onnx(model: Any) -> None:
    """Probabilities to 1e-5, and the same label for every row."""
    check(model, "binary")


@pytest.mark.parametrize("model", CLASSIFIERS, ids=name)
def test_a_classifier_of_three_is_itself_in_onnx(model: Any) -> None:
    """As many columns as classes, in their order."""
    check(model, "multiclass")


@pytest.mark.parametrize("model", REGRESSORS, ids=name)
def test_a_regressor_is_itself_in_onnx(model: Any) -> None:
    """To 1e-5 of the largest prediction."""
    check(model, "regression")
