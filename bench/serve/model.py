"""One row through the model: ONNX Runtime as the server calls it, and scikit-learn's own predict_proba."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.results import Row, row
from bench.serve import made
from headgate.models.loading import Loaded
from headgate.names import Digest
from headgate.train.convert import to_onnx

ROUNDS = 7
CALLS = 300
PARITY = 1e-5


def rows() -> list[Row]:
    """Return a row per model; one that answers something else is no faster at all."""
    return [beside(name, estimator) for name, estimator in made.estimators().items()]


def beside(name: str, estimator: Any) -> Row:
    x, _ = made.rows(1000)
    loaded = Loaded(made.signature(), to_onnx(estimator, made.signature()), Digest("0" * 64))
    ours, theirs = loaded.predict_matrix(x), estimator.predict_proba(x)[:, 1]
    apart = float(np.abs(ours - theirs).max())
    if apart > PARITY or not np.array_equal(ours > 0.5, theirs > 0.5):
        raise SystemExit(f"{name}: ONNX and scikit-learn differ by {apart}")
    one = x[:1]
    pairs = [
        (1 / seconds(lambda: estimator.predict_proba(one)), 1 / seconds(lambda: loaded.predict_matrix(one)))
        for _ in range(ROUNDS)
    ]
    return row(
        f"model: {name}, batch 1, scikit-learn",
        "rows/s",
        [(b, a) for a, b in pairs],
        ">= 20",
        f"parity {apart:.0e}, labels equal",
    )


def seconds(call: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - began) / CALLS
