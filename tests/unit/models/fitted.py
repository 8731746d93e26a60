"""Small models of every library, fitted here, and packed in every format."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import lightgbm
import msgspec
import numpy as np
import pytest
import skops.io
import xgboost
import yaml
from makings import SIGNATURE, adding_model
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from headgate.errors import PermanentError
from headgate.models.loading import Loaded
from headgate.models.packed import FILES, Format, Packed
from headgate.models.signature import Signature
from headgate.names import Digest

DRAW = np.random.default_rng(5)
X = DRAW.normal(size=(200, 2)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.float64)


def booster() -> lightgbm.Booster:
    return lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, Y), num_boost_round=5
    )


@cache
def booster_text() -> bytes:
    return str(booster().model_to_string()).encode()


def trees() -> xgboost.Booster:
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, Y), num_boost_round=5)


def forest() -> Any:
    return make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(X, Y)


def kept(format_: Format, content: bytes) -> Packed:
    return Packed(format_, {FILES[format_]: content})


def loaded(made: Packed, signature: Signature = SIGNATURE) -> Loaded:
    return Loaded(signature, made, Digest("0" * 64))


def refused(made: Packed, signature: Signature = SIGNATURE) -> str:
    with pytest.raises(PermanentError) as caught:
        loaded(made, signature)
    return "\n".join(caught.value.lines())


def of(task: str, *classes: str) -> Signature:
    return msgspec.structs.replace(SIGNATURE, task=task, classes=classes)  # type: ignore[arg-type]


def mlflow_files(flavor: Mapping[str, Any], **files: bytes) -> Packed:
    mlmodel = yaml.safe_dump({"flavors": {"python_function": {"loader_module": "mlflow.x"}, **flavor}}).encode()
    return Packed("mlflow", {"MLmodel": mlmodel, **{name.replace("__", "."): each for name, each in files.items()}})


@cache
def samples() -> dict[str, tuple[Packed, Any]]:
    """Return each format's model with what its library predicts for X."""
    text, tree, wood = booster(), trees(), forest()
    native = text.model_to_string().encode()
    by_tree = tree.predict(xgboost.DMatrix(X))
    return {
        "onnx": (kept("onnx", adding_model()), X.sum(axis=1)),
        "lightgbm": (kept("lightgbm", native), text.predict(X)),
        "xgboost ubj": (kept("xgboost", bytes(tree.save_raw("ubj"))), by_tree),
        "xgboost json": (kept("xgboost", bytes(tree.save_raw("json"))), by_tree),
        "skops": (kept("skops", skops.io.dumps(wood)), wood.predict_proba(X)[:, 1]),
        "mlflow of lightgbm": (
            mlflow_files({"lightgbm": {"data": "model.lgb"}}, model__lgb=native),
            text.predict(X),
        ),
        "mlflow of xgboost": (
            mlflow_files({"xgboost": {"data": "model.xgb"}}, model__xgb=bytes(tree.save_raw("ubj"))),
            by_tree,
        ),
        "mlflow of skops": (
            mlflow_files({"sklearn": {"pickled_model": "model.skops"}}, model__skops=skops.io.dumps(wood)),
            wood.predict_proba(X)[:, 1],
        ),
        "mlflow of onnx": (mlflow_files({"onnx": {"data": "model.onnx"}}, model__onnx=adding_model()), X.sum(axis=1)),
    }
