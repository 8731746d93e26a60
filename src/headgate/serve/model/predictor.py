"""The model at work: raw rows to scores, scores to the protocol's outputs."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from headgate.errors import PermanentError
from headgate.models.formats import Matrix
from headgate.models.loading import Loaded, Predictions
from headgate.models.signature import Signature
from headgate.serve.door.admission import Admitted, Door
from headgate.serve.model.direct import direct
from headgate.serve.protocols.v2 import Output, TensorMetadata
from headgate.serve.refusal import RefusalError, quoted
from headgate.specs.service import Service

if TYPE_CHECKING:
    import polars as pl

    from headgate.features import FeatureFunction

FEW = 16
"""Scores that a loop looks through before an array is made."""


class Predictor:
    """Computes features and scores with the verified model."""

    def __init__(self, loaded: Loaded, spec: Service, function: "FeatureFunction | None", door: Door) -> None:
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

    def scores(self, rows: Admitted, matrices: Sequence[Matrix]) -> Predictions:  # noqa: ARG002 - whose models divide rows
        """Return a finite score per row, of its features as each of `models` takes them."""
        return finite(self.loaded.predict_matrix(matrices[0]))

    def predict(self, rows: "pl.DataFrame") -> Predictions:
        """Return a finite score per row, or say that the model gave none."""
        from headgate.features import compute  # noqa: PLC0415 - brings polars, which most models do without

        return finite(self.loaded.predict(compute(rows, self.spec, self.function)))


def finite(scores: Predictions) -> Predictions:
    """Return scores that are numbers, PermanentError where one is none."""
    if scores.size <= FEW and all(map(isfinite, scores.ravel().tolist())):
        return scores
    good = np.isfinite(scores)
    if not good.all():
        raise PermanentError(f"the model gave a score that is no number, for row {np.argwhere(~good)[0][0]}")
    return scores


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
