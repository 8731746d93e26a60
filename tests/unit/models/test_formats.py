"""Every format but a pickle: verified, opened by its own library, and predicting what that library predicts."""

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import msgspec
import numpy as np
import pytest
import skops.io
import xgboost
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from makings import SIGNATURE, adding_model
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from headgate.errors import PermanentError
from headgate.models import package
from headgate.models.loading import Loaded, load
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
    """At once, without the memory they claim."""
    assert "of the XGBoost model" in refused(kept("xgboost", content))


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


def test_a_lightgbm_text_that_ends_anywhere_is_cut_short() -> None:
    """Never a model of fewer trees."""
    content = booster_text()

    for end in range(5, len(content) - 60, 101):
        assert "cut short" in refused(kept("lightgbm", content[:end]))


def pickles() -> dict[str, bytes]:
    model = LogisticRegression().fit(X, Y)
    out = io.BytesIO()
    joblib.dump(model, out)
    made = {f"protocol {each}": pickle.dumps(model, protocol=each) for each in range(6)}
    made |= {f"a {type(each).__name__} by protocol 0": pickle.dumps(each, protocol=0) for each in ({}, [], (), len)}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(model))
    return {**made, "joblib": out.getvalue(), "gzip": gzip.compress(out.getvalue()), "torch": archive.getvalue()}


@pytest.mark.parametrize("format_", ["onnx", "lightgbm", "xgboost", "skops"])
@pytest.mark.parametrize("name", pickles())
def test_a_renamed_pickle_is_known_by_how_it_begins(name: str, format_: Format) -> None:
    """Under any name, in any protocol or compression; the way out is named."""
    said = refused(kept(format_, pickles()[name]))

    assert "is a pickle" in said
    assert "skops.io.dump" in said


def test_opening_a_package_runs_nothing_of_a_pickle(tmp_path: Path) -> None:
    """The classic: a pickle that writes a file. It is refused when written and when loaded."""
    ran = tmp_path / "ran"
    evil = pickle.dumps(Evil(ran))
    with pytest.raises(PermanentError, match="is a pickle"):
        package.write(tmp_path / "model", kept("skops", evil), SIGNATURE, {})

    said = refused(mlflow_files({"sklearn": {"pickled_model": "model.skops"}}, model__skops=evil))

    assert "is a pickle" in said
    assert not ran.exists()
    pickle.loads(evil)
    assert ran.exists()  # it would have


class Evil:
    """Runs when it is unpickled."""

    def __init__(self, ran: Path) -> None:
        self.ran = ran

    def __reduce__(self) -> Any:
        return Path.touch, (self.ran,)


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


def schema_in(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read("schema.json"))  # type: ignore[no-any-return]


def skops_of(schema: Any) -> Packed:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    return kept("skops", out.getvalue())


def node(loader: str, module: str, name: str) -> dict[str, Any]:
    return {"__loader__": loader, "__module__": module, "__class__": name, "content": {}, "__id__": 1}


@pytest.mark.parametrize(
    "evil",
    [
        node("FunctionNode", "os", "system"),
        node("FunctionNode", "numpy", "load"),
        node("TypeNode", "subprocess", "Popen"),
        node("ObjectNode", "pathlib", "Path"),
        node("ObjectNode", "sklearn.linear_model.os", "system"),
        node("ObjectNode", "sklearn_linear_model", "LogisticRegression"),
        node("MethodNode", "sklearn.linear_model._logistic", "LogisticRegression"),
        node("OperatorFuncNode", "operator", "methodcaller"),
        node("PartialNode", "functools", "partial"),
        node("ReduceNode", "sklearn.linear_model", "LogisticRegression"),
        node("ConstructorFromReduceNode", "sklearn.linear_model", "LogisticRegression"),
        {"__module__": "os", "__class__": "system"},
    ],
    ids=lambda value: f"{value.get('__loader__')} {value['__module__']}.{value['__class__']}",
)
@pytest.mark.parametrize("deep", [False, True])
def test_a_skops_file_makes_only_what_stands_on_our_list(evil: dict[str, Any], deep: bool) -> None:
    """Whatever skops itself would trust; at the top or hidden in an attribute."""
    schema = evil
    if deep:
        schema = schema_in(skops.io.dumps(LogisticRegression().fit(X, Y)))
        schema["content"]["content"]["C"] = {"__loader__": "ListNode", "__module__": "builtins", "__class__": "list"}
        schema["content"]["content"]["C"]["content"] = [[evil]]

    said = refused(skops_of(schema))

    assert "would make what is not on Headgate's list" in said
    assert evil["__class__"] in said


def test_a_function_of_ones_own_in_a_pipeline_is_refused() -> None:
    """skops would trust numpy's; ours is shorter."""
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(np.abs(X), Y)

    assert "FunctionTransformer" in refused(kept("skops", skops.io.dumps(model)))


def test_indices_that_c_code_follows_unchecked_are_not_restored() -> None:
    """Histogram boosting becomes ONNX; its skops form could point anywhere."""
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, Y)

    assert "TreePredictor" in refused(kept("skops", skops.io.dumps(model)))


def test_another_scikit_learn_is_refused() -> None:
    """It would warn, and predict something."""
    content = skops.io.dumps(LogisticRegression().fit(X, Y))
    schema = schema_in(content)
    schema["content"]["content"]["_sklearn_version"]["content"] = '"0.24.0"'
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(out, "w") as other:
        for name in archive.namelist():
            other.writestr(name, json.dumps(schema) if name == "schema.json" else archive.read(name))

    said = refused(kept("skops", out.getvalue()))

    assert "0.24.0" in said
    assert "install the scikit-learn that made it" in said


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
