"""A fit function may return the path of a model that was saved elsewhere, by MLflow too."""

import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_convert import sample, signature

from headgate.errors import HeadgateError, PermanentError
from headgate.models.loading import Loaded
from headgate.names import Digest
from headgate.train.convert import to_onnx
from headgate.train.packing import packed
from headgate.train.parity import parity

ROWS = sample("binary", 300)


def opened(path: Path) -> Loaded:
    return Loaded(signature("binary"), packed(path, signature("binary")), Digest("0" * 64))


def refused(path: Path) -> str:
    with pytest.raises(HeadgateError) as caught:
        opened(path)
    return "\n".join(caught.value.lines())


def linear() -> LogisticRegression:
    return LogisticRegression().fit(ROWS.x, ROWS.y)


def booster() -> lightgbm.Booster:
    return lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(ROWS.x, ROWS.y), 5
    )


def trees() -> xgboost.Booster:
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(ROWS.x, ROWS.y), 5)


def torn_skops() -> bytes:
    """Return a skops file without the arrays that it names."""
    whole = io.BytesIO(skops.io.dumps(linear()))
    made = io.BytesIO()
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(made, "w") as out:
        out.writestr("schema.json", archive.read("schema.json"))
    return made.getvalue()


def mlflow_save(flavor: str, model: Any, folder: Path, **options: Any) -> Path:
    """Save as a user of MLflow does; what it warns of is not ours."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import importlib  # noqa: PLC0415

        importlib.import_module(f"mlflow.{flavor}").save_model(model, str(folder), pip_requirements=[], **options)
    return folder


@pytest.mark.parametrize("kind", ["model.onnx", "model.txt", "model.ubj", "model.json", "model.skops"])
def test_a_file_is_packaged_by_its_ending(kind: str, tmp_path: Path) -> None:
    """And predicts what the library that wrote it does."""
    path, x = tmp_path / kind, ROWS.x
    if kind == "model.onnx":
        path.write_bytes(to_onnx(linear(), signature("binary")))
        expected = linear().predict_proba(x)[:, 1]
    elif kind == "model.skops":
        skops.io.dump(linear(), path)
        expected = linear().predict_proba(x)[:, 1]
    elif kind == "model.txt":
        booster().save_model(path)
        expected = booster().predict(x)
    else:
        trees().save_model(path)
        expected = trees().predict(xgboost.DMatrix(x))

    kept = opened(path)

    np.testing.assert_allclose(expected, kept.predict_matrix(x), atol=1e-6)
    assert parity(path, kept, ROWS) == 0.0


@pytest.mark.parametrize(
    ("flavor", "model", "options"),
    [
        ("lightgbm", booster, {}),
        ("xgboost", trees, {}),
        ("sklearn", linear, {"serialization_format": "skops"}),
    ],
)
def test_an_mlflow_folder_is_opened_by_its_own_format(flavor: str, model: Any, options: Any, tmp_path: Path) -> None:
    """As MLflow itself wrote it; its conda files and Python loader take no part."""
    made = model()
    folder = mlflow_save(flavor, made, tmp_path / "saved", **options)

    kept = opened(folder)

    raw = {
        "lightgbm": lambda: made.predict(ROWS.x),
        "xgboost": lambda: made.predict(xgboost.DMatrix(ROWS.x)),
        "sklearn": lambda: made.predict_proba(ROWS.x)[:, 1],
    }
    assert kept.format == "mlflow"
    np.testing.assert_allclose(raw[flavor](), kept.predict_matrix(ROWS.x), rtol=1e-6)


def test_a_skops_file_of_the_same_model_has_the_same_bytes(tmp_path: Path) -> None:
    """skops numbers parts by where they stood in memory, and a zip has dates: a run again would be another model."""
    made = []
    for number in range(2):
        model = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)).fit(ROWS.x, ROWS.y)
        keep_memory_busy = [object() for _ in range(number * 1000)]
        skops.io.dump(model, tmp_path / "model.skops")
        made.append(packed(tmp_path / "model.skops", signature("binary")))
        assert len(keep_memory_busy) == number * 1000

    assert made[0] == made[1]
    kept = Loaded(signature("binary"), made[0], Digest("0" * 64))
    np.testing.assert_array_equal(model.predict_proba(ROWS.x)[:, 1], kept.predict_matrix(ROWS.x))


def test_a_pickle_that_mlflow_wrote_is_refused(tmp_path: Path) -> None:
    """Its default for scikit-learn was a pickle for years."""
    folder = mlflow_save("sklearn", linear(), tmp_path / "saved", serialization_format="cloudpickle")

    assert "'model.pkl' is a pickle" in refused(folder)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("model.pkl", b"anything", "is a pickle"),
        ("model.onnx", pickle.dumps({}), "is a pickle"),
        ("model.bin", b"tree\n", "does not say which format it is in"),
        ("model.onnx", b"nonsense", "the file is no ONNX model"),
        ("model.txt", b"nonsense", "is no LightGBM model"),
        ("model.skops", b"nonsense", "the file is no skops model"),
        pytest.param("model.skops", torn_skops(), "lacks a part of itself", id="torn skops"),
    ],
)
def test_a_file_that_is_no_model_is_refused(name: str, content: bytes, expected: str, tmp_path: Path) -> None:
    """By what is wrong with it."""
    (tmp_path / name).write_bytes(content)

    assert expected in refused(tmp_path / name)


def test_a_path_where_nothing_is_is_refused(tmp_path: Path) -> None:
    """With the path; the same for a folder that MLflow did not write."""
    assert "cannot read model file" in refused(tmp_path / "gone.onnx")
    assert "MLmodel" in refused(tmp_path)


def test_a_saved_model_must_have_the_features_of_the_service(tmp_path: Path) -> None:
    """Width is all that can be known of it."""
    wide = lightgbm.Dataset(ROWS.x[:, :2], ROWS.y)
    made = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, wide, 2)
    made.save_model(tmp_path / "model.txt")

    with pytest.raises(PermanentError, match="takes 2 features, and there are 4"):
        opened(tmp_path / "model.txt")
