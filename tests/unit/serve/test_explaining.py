"""Outputs by request: a label, and contributions that add up to the score, or a reason why there are none."""

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
import xgboost
from scipy import special

from headgate.models import package
from headgate.models.loading import load
from headgate.models.packed import FILES, Packed
from headgate.names import Digest
from headgate.serve.experiment.divided import ExperimentOptions
from headgate.serve.model.optional_outputs import contributions_of
from headgate.serve.protocols.v2 import decode
from headgate.serve.refusal import RefusalError
from headgate.serve.setup.preparing import prepare
from unit.serve.running import World, changed, rides, running, world
from unit.serve.second import second

DRAW = np.random.default_rng(5)
X = np.column_stack([DRAW.integers(0, 2, 400), DRAW.normal(size=400) * 5, DRAW.integers(0, 24, 400)])
CLASSES = ((X[:, 1] + X[:, 0] * 2 > 0).astype(int) + (X[:, 2] > 12)).clip(0, 2)
OBJECTIVES = {
    "lightgbm": {"binary": "binary", "multiclass": "multiclass", "regression": "regression"},
    "xgboost": {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"},
}


def fitted(library: str, task: str) -> bytes:
    """Return a small booster of the three features, in its own format."""
    label = CLASSES if task == "multiclass" else CLASSES > 0 if task == "binary" else X[:, 1] * 2
    params: dict[str, Any] = {"objective": OBJECTIVES[library][task]} | (
        {"num_class": 3} if task == "multiclass" else {}
    )
    if library == "lightgbm":
        data = lightgbm.Dataset(X, label)
        return lightgbm.train({**params, "verbosity": -1, "num_threads": 1}, data, 8).model_to_string().encode()
    booster = xgboost.train({**params, "nthread": 1}, xgboost.DMatrix(X, label), 8)
    return bytes(booster.save_raw("ubj"))


def boosted(folder: Path, library: Any, task: str) -> tuple[World, Path, Digest]:
    made = world(folder, task=task)
    packed = Packed(library, {FILES[library]: fitted(library, task)})
    where = made.folder / "boosted"
    return made, where, package.write(where, packed, package.read_signature(made.model), {})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_contributions_add_up_to_the_score(tmp_path: Path, library: str, task: str) -> None:
    """In the model's margin: log-odds, one number a class, or the value itself; the base comes last."""
    made, folder, sha256 = boosted(tmp_path, library, task)
    served = prepare(made.options(model=folder, log_dir=None), sha256)
    rows = served.door.admit(decode(json.dumps(rides(5)).encode()))

    found = contributions_of(served.predictor, rows)

    served.background.stop()
    margin = np.array(found.data).reshape(found.shape).sum(axis=-1)
    link = {"binary": special.expit, "multiclass": lambda z: special.softmax(z, axis=1), "regression": lambda z: z}
    np.testing.assert_allclose(link[task](margin), served.predictor.answer(rows), atol=1e-5)
    assert found.shape == ((5, 3, 4) if task == "multiclass" else (5, 4))
    assert json.loads(json.dumps(found.parameters)) == {"features": ["city", "distance", "hour", "base"]}


def test_a_format_without_contributions_is_named(tmp_path: Path) -> None:
    """400, and the next request is answered; a label needs no library."""
    made = world(tmp_path)
    with running(made.options()) as server:
        refused = server.infer({**rides(), "outputs": [{"name": "contributions"}]})
        good = server.infer({**changed(rides(2), "distance", data=[-900.0, 900.0]), "outputs": [{"name": "label"}]})
        unknown = server.infer({**rides(), "outputs": [{"name": "label"}, {"name": "magic"}]})

    assert 400 == refused.status
    assert "this model, kept as onnx, has no contributions of its own" in refused.json["error"]
    assert [{"name": "label", "datatype": "BYTES", "shape": [2], "data": ["false", "true"]}] == good.json["outputs"]
    assert (400, True) == (unknown.status, "unknown output 'magic'" in unknown.json["error"])


def test_a_client_gets_what_it_asks_for_and_no_more(tmp_path: Path) -> None:
    """Probability, label and contributions over HTTP; without asking, the probability alone."""
    made, folder, sha256 = boosted(tmp_path, "lightgbm", "binary")
    wanted = [{"name": name} for name in ("probability", "label", "contributions")]

    with running(made.options(model=folder, sha256=sha256)) as server:
        plain = server.infer(rides())
        whole = server.infer({**rides(), "outputs": wanted})

    assert ["probability"] == [output["name"] for output in plain.json["outputs"]]
    outputs = {output["name"]: output for output in whole.json["outputs"]}
    assert plain.json["outputs"][0] == outputs["probability"]
    features = pl.DataFrame({"city": ["zürich"], "distance": [1.5], "hour": [8]})
    score = load(folder, sha256).predict(features)[0]
    assert [str(bool(score >= 0.5)).lower()] == outputs["label"]["data"]
    assert special.expit(sum(outputs["contributions"]["data"])) == pytest.approx(score)


def test_two_models_have_no_contributions_together(tmp_path: Path) -> None:
    """During an experiment they are refused, and say why."""
    made = world(tmp_path)
    model, sha256 = second(made)
    options = ExperimentOptions(name="two", model=model, sha256=sha256, key="rider")
    served = prepare(made.options(experiment=options, log_dir=None), made.sha256)
    rows = served.door.admit(decode(json.dumps(rides(5)).encode()))

    with pytest.raises(RefusalError, match="two models answer here"):
        contributions_of(served.predictor, rows)
    served.background.stop()
