"""A skops file makes what stands on Headgate's own list, and nothing else."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
import skops.io
from fitted import X, Y, kept, refused
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from headgate.models.packed import Packed


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
