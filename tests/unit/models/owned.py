"""A predictor.json, the package that it makes, and the model that is opened of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.errors import HeadgateError, PermanentError
from headgate.models import saved, v2_golden
from headgate.models.loading import Loaded
from headgate.models.packed import Packed
from headgate.models.signature import Feature, Signature
from headgate.names import Digest, Name

IMAGE = f"registry.example/team/own@sha256:{'a' * 64}"
X = np.random.default_rng(3).normal(size=(50, 2)).astype(np.float32)
PREDICTOR: dict[str, Any] = {
    "image": IMAGE,
    "model": "own",
    "version": "3",
    "inputs": [{"name": "x"}],
    "output": {"name": "y", "datatype": "FP64"},
}
EACH = [{"name": "a"}, {"name": "b", "datatype": "FP64"}]


def signature(task: str = "binary") -> Signature:
    classes = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c")}.get(task, ())
    features = tuple(Feature(name=name, kind="number") for name in "ab")
    return Signature(service=Name("rides"), task=task, classes=classes, features=features)  # type: ignore[arg-type]


def packed(folder: Path, **changed: Any) -> Packed:
    """Return what a predictor.json makes."""
    (folder / "predictor.json").write_text(json.dumps({**PREDICTOR, **changed}))
    return saved.read(folder / "predictor.json")


def opened(made: Packed, task: str = "binary") -> Loaded:
    loaded = Loaded(signature(task), made, Digest("0" * 64))
    loaded.check()
    return loaded


def golden(folder: Path, task: str = "binary", **changed: Any) -> Packed:
    """Return a predictor with its golden rows, as training packs it."""
    made = packed(folder, **changed)
    return v2_golden.with_golden(made, X, opened(made, task).predict_matrix(X))


def refused(do: Callable[[], object], kind: type[HeadgateError] = PermanentError) -> str:
    with pytest.raises(HeadgateError) as caught:
        do()
    assert type(caught.value) is kind
    return "\n".join(caught.value.lines())
