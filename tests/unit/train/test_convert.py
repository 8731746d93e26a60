"""Whatever fit returned to ONNX."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from onnx import TensorProto, helper, load_model_from_string
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from headgate.errors import PermanentError
from headgate.models.loading import Loaded
from headgate.models.signature import Feature, Signature
from headgate.names import Digest
from headgate.train.convert import to_onnx
from headgate.train.parity import TOLERANCE, parity
from headgate.train.sample import Sample

WIDTH = 4
TASKS: dict[str, tuple[str, ...]] = {"binary": ("0", "1"), "multiclass": ("0", "1", "2"), "regression": ()}


def signature(task: str) -> Signature:
    features = tuple(Feature(name=f"f{number}", kind="number") for number in range(WIDTH))
    return Signature(service="world", task=task, classes=TASKS[task], features=features)  # type: ignore[arg-type]


def sample(task: str, n: int = 800) -> Sample:
    draw = np.random.default_rng(3)
    x = draw.normal(size=(n, WIDTH)).round(1).astype(np.float32)
    score = x[:, 0] * 2 + x[:, 1] * x[:, 2] + draw.normal(size=n)
    y = {"binary": score > 0, "multiclass": np.digitize(score, [-1, 1]), "regression": score * 1e4}[task]
    return Sample(
        x=x,
        y=y.astype(np.float64),
        names=tuple(f"f{number}" for number in range(WIDTH)),
        categorical=np.zeros(WIDTH, dtype=np.bool_),
        rows=pl.DataFrame(),
        clusters=np.arange(n),
        task=task,  # type: ignore[arg-type]
        classes=TASKS[task],
    )


def packaged(model: Any, task: str) -> Loaded:
    return Loaded(signature(task), to_onnx(model, signature(task)), Digest("0" * 64))


def refused(model: Any, task: str = "binary") -> str:
    with pytest.raises(PermanentError) as caught:
        to_onnx(model, signature(task))
    return "\n".join(caught.value.lines())


class Homemade(BaseEstimator):  # type: ignore[misc]
    """An estimator that nothing converts."""

    def predict_proba(self, x: Any) -> Any:
        return np.full((len(x), 2), 0.5)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (None, "fit returned builtins.NoneType, which has no `predict_proba`"),
        ({"weights": 1}, "fit returned builtins.dict"),
        (LinearSVC(), "CalibratedClassifierCV adds predict_proba"),
        (Homemade(), "test_convert.Homemade does not convert to ONNX"),
        (Homemade(), "an onnx ModelProto, a LightGBM or XGBoost model as it is"),
    ],
)
def test_what_can_not_be_packaged_is_named_with_the_way_out(model: Any, expected: str) -> None:
    """The type, why, and what to return in its place."""
    assert expected in refused(model)


def test_a_model_that_learned_other_classes_is_refused() -> None:
    """Its columns would mean something else than the signature says."""
    rows = sample("multiclass")
    model = LogisticRegression().fit(rows.x[rows.y < 2], rows.y[rows.y < 2])

    assert "for classes [0.0, 1.0], expected [0, 1, 2]" in refused(model, "multiclass")


def test_a_model_that_learned_words_is_refused() -> None:
    """Codes are what it was given; words are a mistake."""
    rows = sample("binary")
    model = LogisticRegression().fit(rows.x, np.where(rows.y > 0, "late", "on time"))

    assert "expected [0, 1]" in refused(model)


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("binary", HistGradientBoostingClassifier(max_iter=20)),
        ("binary", make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=20))),
        ("binary", CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=20), cv=2)),
        ("binary", RandomForestClassifier(10, random_state=0)),
        ("multiclass", HistGradientBoostingClassifier(max_iter=10)),
        ("multiclass", make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=10))),
        ("multiclass", CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=10), cv=2)),
        ("regression", HistGradientBoostingRegressor(max_iter=20)),
        ("regression", make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=20))),
        ("regression", LinearRegression()),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_package_predicts_what_its_estimator_does(task: str, model: Any) -> None:
    """Alone, in a pipeline, calibrated: decimals stand exactly on the trees' thresholds."""
    rows = sample(task)
    model.fit(rows.x, rows.y)

    assert parity(model, packaged(model, task), rows) <= TOLERANCE


def test_the_same_model_gives_the_same_bytes() -> None:
    """Converters name their graphs by chance; a package has no chance in it."""
    rows = sample("binary")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows.x, rows.y)

    first, second = to_onnx(model, signature("binary")), to_onnx(model, signature("binary"))

    assert first == second
    domains = [opset.domain for opset in load_model_from_string(first).opset_import]
    assert domains == sorted(domains)  # skl2onnx's own order depends on the process's hash seed


class Wrong(LogisticRegression):  # type: ignore[misc]
    """Converts as its parent and predicts something else."""

    off = 1e-3

    def predict_proba(self, x: Any) -> Any:
        told = super().predict_proba(x)
        told[5] += [-self.off, self.off]
        return told


def test_an_inexact_conversion_is_refused_with_the_row_that_shows_it() -> None:
    """What is served must be what was fitted: the largest difference, where, and with which inputs."""
    rows = sample("binary")
    plain = LogisticRegression().fit(rows.x, rows.y)
    wrong = Wrong().fit(rows.x, rows.y)

    with pytest.raises(PermanentError) as caught:
        parity(wrong, packaged(plain, "binary"), rows)

    said = "\n".join(caught.value.lines())
    assert "they differ by up to 0.001, allowed 1e-05" in said
    assert "tune row 5" in said
    assert f"f0={rows.x[5, 0]:g}" in said


def linear_graph(width: int = WIDTH, outputs: int = 2, kind: int = TensorProto.FLOAT) -> Any:
    ends = [helper.make_tensor_value_info(n, kind, [None, w]) for n, w in (("inputs", width), ("scores", outputs))]
    weights = helper.make_tensor("w", kind, [width, outputs], [0.5] * (width * outputs))
    node = helper.make_node("MatMul", ["inputs", "w"], ["scores"])
    graph = helper.make_graph([node], "theirs", ends[:1], ends[1:], [weights], doc_string="made on Tuesday")
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8, producer_name="torch")


def test_an_onnx_model_is_taken_as_it_is() -> None:
    """It is its own judge; when and by whom it was made does not count."""
    rows = sample("binary")
    model = linear_graph()

    loaded = packaged(model, "binary")

    np.testing.assert_allclose(loaded.predict_matrix(rows.x), rows.x.sum(axis=1) / 2, atol=1e-5)
    assert parity(model, loaded, rows) == 0.0
    assert model.producer_name == "torch"
    assert b"Tuesday" not in to_onnx(model, signature("binary"))
    assert b"torch" not in to_onnx(model, signature("binary"))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (linear_graph(width=3), "takes 3 features, and there are 4"),
        (linear_graph(kind=TensorProto.DOUBLE), "expected one float32 input of shape (rows, 4)"),
    ],
)
def test_an_onnx_model_for_other_inputs_is_refused(model: Any, expected: str) -> None:
    """Before it is packaged, not when it is served."""
    assert expected in refused(model)


def test_an_onnx_model_with_another_number_of_classes_is_refused() -> None:
    """One column a class."""
    with pytest.raises(PermanentError, match="gives 2 numbers a row, expected 3"):
        parity(linear_graph(), packaged(linear_graph(), "multiclass"), sample("multiclass"))


def test_a_model_that_can_not_take_missing_values_is_found_out() -> None:
    """NaN out for NaN in would only be seen in production."""
    rows = sample("binary")
    rows.x[0, 0] = np.nan

    with pytest.raises(PermanentError, match="NaN or infinity for 1 of 800 tune rows"):
        parity(linear_graph(), packaged(linear_graph(), "binary"), rows)
