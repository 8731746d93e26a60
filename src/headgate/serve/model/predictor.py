"""The model at work: raw rows to scores, scores to the protocol's outputs."""

from datetime import UTC, datetime
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from headgate.errors import PermanentError
from headgate.features import FeatureFunction, compute
from headgate.models.loading import Loaded, Predictions
from headgate.models.signature import Signature
from headgate.serve.door.admission import DTYPES, Admitted, Door
from headgate.serve.model.direct import direct
from headgate.serve.protocols.v2 import Output, TensorMetadata
from headgate.serve.refusal import RefusalError, quoted
from headgate.specs.contract import Column, Contract
from headgate.specs.service import Service

WARM_UP = ((1, 3), (40, 2))
"""(rows, times): the first calls of Polars and ONNX Runtime are slow, and no client shall wait for them."""

FEW = 16
"""Scores that a loop looks through before an array is made."""

VALUE_ERRORS = (
    ArithmeticError,
    LookupError,
    ValueError,
    pl.exceptions.ComputeError,
    pl.exceptions.InvalidOperationError,
)


class Predictor:
    """Computes features and scores with the verified model."""

    def __init__(self, loaded: Loaded, spec: Service, function: FeatureFunction | None, door: Door) -> None:
        self.loaded = loaded
        self.spec = spec
        self.function = function
        self.door = door
        plain = function is None
        self.direct = direct(door.types, door.numbers, spec.data, loaded.signature) if plain else None

    @property
    def models(self) -> tuple[Loaded, ...]:
        """Return every model that may answer a row."""
        return (self.loaded,)

    def answer(self, rows: Admitted) -> Predictions:
        """Return a finite score per admitted row, or say that the model gave none."""
        if self.direct is None:
            return self.predict(self.door.frame(rows))
        return finite(self.loaded.predict_matrix(self.direct.matrix(rows)))

    def predict(self, rows: pl.DataFrame) -> Predictions:
        """Return a finite score per row, or say that the model gave none."""
        return finite(self.loaded.predict(compute(rows, self.spec, self.function)))

    def warm_up(self, contract: Contract, names: list[str]) -> str | None:
        """Predict made-up rows that keep to the contract, so that what cannot work is known before it is ready.

        Columns and types must do; the owner's function may refuse made-up values, and then it is said why it is cold.
        """
        for count, times in WARM_UP:
            rows = pl.DataFrame([example(name, contract.columns[name], count) for name in names])
            for _ in range(times):
                try:
                    self.predict(rows)
                except PermanentError as err:
                    if isinstance(err.__cause__, VALUE_ERRORS):
                        return "; ".join(err.lines()[:2])
                    raise
        return None


def finite(scores: Predictions) -> Predictions:
    """Return scores that are numbers, PermanentError where one is none."""
    if scores.size <= FEW and all(map(isfinite, scores.ravel().tolist())):
        return scores
    good = np.isfinite(scores)
    if not good.all():
        raise PermanentError(f"the model gave a score that is no number, for row {np.argwhere(~good)[0][0]}")
    return scores


def example(name: str, column: Column, count: int) -> pl.Series:
    """Return a made-up column that keeps to its promise."""
    low, high = column.min, column.max
    middle = (low + high) / 2 if low is not None and high is not None else low if low is not None else high or 0
    value: Any = {
        "integer": int(middle),
        "number": float(middle),
        "string": column.categories[0] if column.categories else "",
        "boolean": False,
        "datetime": datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None),
        "date": datetime(2024, 1, 1, tzinfo=UTC).date(),
    }[column.type]
    return pl.Series(name, [value] * count, DTYPES[column.type])


def outputs_of(scores: Predictions, signature: Signature, wanted: frozenset[str]) -> list[Output]:
    """Return the outputs by name; RefusalError when one is wanted that the model does not have."""
    count = len(scores)
    if signature.task == "multiclass":
        best = scores.argmax(axis=1)
        made = [
            Output("probability", "FP64", scores.shape, scores.ravel().tolist()),
            Output("label", "BYTES", (count,), [signature.classes[place] for place in best]),
        ]
    else:
        made = [Output(metadata_of(signature)[0].name, "FP64", (count,), scores.tolist())]
    if not wanted:
        return made
    if unknown := wanted - {output.name for output in made}:
        known = ", ".join(output.name for output in made)
        raise RefusalError(f"unknown output {quoted(min(unknown))}; the model has: {known}")
    return [output for output in made if output.name in wanted]


def metadata_of(signature: Signature) -> list[TensorMetadata]:
    """Return the outputs as the model's metadata lists them."""
    if signature.task == "multiclass":
        classes = len(signature.classes)
        return [TensorMetadata("probability", "FP64", (-1, classes)), TensorMetadata("label", "BYTES", (-1,))]
    return [TensorMetadata("probability" if signature.task == "binary" else "value", "FP64", (-1,))]
