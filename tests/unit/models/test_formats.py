"""Every format but a pickle: verified, opened by its own library, and predicting what that library predicts."""

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from fitted import X, Y, kept, loaded, mlflow_files, of, refused, samples
from makings import SIGNATURE, adding_model
from sklearn.linear_model import LogisticRegression, Ridge

from headgate.errors import PermanentError
from headgate.models import package
from headgate.models.loading import load
from headgate.models.packed import Packed


@pytest.mark.parametrize("name", samples())
def test_a_written_package_predicts_what_its_library_does(name: str, tmp_path: Path) -> None:
    """Write, verify, load, predict; the manifest says how it is opened."""
    made, expected = samples()[name]
    sha256 = package.write(tmp_path / "model", made, SIGNATURE, {})

    model = load(tmp_path / "model", sha256)

    assert model.format == made.format
    np.testing.assert_allclose(np.asarray(expected, dtype=np.float64), model.predict_matrix(X), rtol=1e-6)


@pytest.mark.parametrize("name", samples())
def test_one_changed_byte_is_refused_before_any_library_sees_it(name: str, tmp_path: Path) -> None:
    """Digests first, whatever the format."""
    made, _ = samples()[name]
    sha256 = package.write(tmp_path / "model", made, SIGNATURE, {})
    file = tmp_path / "model" / max(made.files)
    file.write_bytes(b"\x80\x05" + file.read_bytes())

    with pytest.raises(PermanentError, match="is not what Git says"):
        load(tmp_path / "model", sha256)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (mlflow_files({"sklearn": {"pickled_model": "model.pkl"}}, model__pkl=b"anything"), "'model.pkl' is a pickle"),
        (mlflow_files({"lightgbm": {"data": "model.pkl"}}, model__pkl=b"anything"), "serialization_format='skops'"),
        (mlflow_files({}), "MLmodel has no flavor that is served here"),
        (mlflow_files({}), "what only python_function opens is a pickle"),
        (mlflow_files({"onnx": {"data": "../../etc/passwd"}}), "is no plain file name"),
        (mlflow_files({"onnx": {"data": "model.onnx"}}), "which is not beside it"),
        (mlflow_files({"onnx": "odd"}), "no flavor that is served here"),
        (Packed("mlflow", {"MLmodel": b"[1, 2"}), "MLmodel is no YAML"),
        (Packed("mlflow", {"MLmodel": b"!!python/object/apply:os.system ['true']"}), "MLmodel is no YAML"),
        (Packed("mlflow", {"MLmodel": b"flavors: 3"}), "MLmodel names no flavors"),
        (Packed("mlflow", {}), "MLmodel names no flavors"),
    ],
)
def test_an_mlflow_folder_without_a_format_of_its_own_is_refused(made: Packed, expected: str) -> None:
    """Never its pickle, never a file elsewhere; and what to log in its place."""
    assert expected in refused(made)


def wide() -> Any:
    return np.hstack([X, X[:, :1]])


def lightgbm_of(x: Any, names: Any = "auto") -> bytes:
    dataset = lightgbm.Dataset(x, Y, feature_name=names)
    made = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, dataset, num_boost_round=2)
    return made.model_to_string().encode()


def xgboost_of(x: Any, names: Any = None) -> bytes:
    matrix = xgboost.DMatrix(x, Y, feature_names=names)
    return bytes(xgboost.train({"objective": "binary:logistic", "nthread": 1}, matrix, 2).save_raw("ubj"))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (kept("lightgbm", lightgbm_of(wide())), "takes 3 features, and there are 2"),
        (kept("xgboost", xgboost_of(wide())), "takes 3 features, and there are 2"),
        (kept("skops", skops.io.dumps(LogisticRegression().fit(X[:, :1], Y))), "takes 1 features, and there are 2"),
        (kept("lightgbm", lightgbm_of(X, ["carrier", "temp"])), "the same features in another order"),
        (kept("xgboost", xgboost_of(X, ["carrier", "temp"])), "the same features in another order"),
        (kept("skops", skops.io.dumps(Ridge().fit(X, Y))), "Ridge has no `predict_proba`"),
        (
            kept("skops", skops.io.dumps(LogisticRegression().fit(X, Y + 1))),
            "knows classes [1.0, 2.0], expected [0, 1]",
        ),
        (Packed("lightgbm", {"a": b"tree", "b": b"tree"}), "a LightGBM model is one file, found 2: a, b"),
    ],
)
def test_a_model_of_other_features_or_classes_is_refused(made: Packed, expected: str) -> None:
    """Before it answers anything: numbers in the wrong columns look like answers."""
    assert expected in refused(made)


def test_two_classes_of_a_multiclass_service_have_a_column_each() -> None:
    """A booster tells one number of two classes."""
    made, expected = samples()["lightgbm"]

    found = loaded(made, of("multiclass", "a", "b")).predict_matrix(X)

    np.testing.assert_allclose(np.stack([1 - expected, expected], axis=1), found)


def test_an_onnx_package_is_what_it_was_before_there_were_other_formats(tmp_path: Path) -> None:
    """Models that are live keep their digests: the manifest says nothing new of them."""
    package.write(tmp_path / "model", adding_model(), SIGNATURE, {})

    manifest = json.loads((tmp_path / "model" / "manifest.json").read_bytes())

    assert set(manifest) == {"kind", "files"}


def test_a_manifest_must_name_the_digest_of_its_model(tmp_path: Path) -> None:
    """Else the one file that matters would be the one that nobody checked."""
    folder = tmp_path / "model"
    sha256 = package.write(folder, adding_model(), SIGNATURE, {})
    manifest = package.Manifest(files={})

    with pytest.raises(PermanentError, match=r"names no digest of its model's model\.onnx"):
        package.packed(folder, manifest)
    assert load(folder, sha256)
