"""The outputs that a client gets only by asking: a binary model's label, and what each feature adds to a score."""

from typing import Any

import numpy as np

from headgate.models.formats import Matrix
from headgate.models.loading import Predictions
from headgate.models.signature import Signature
from headgate.serve.door.admission import Admitted
from headgate.serve.model.predictor import Predictor, outputs_of
from headgate.serve.protocols.v2 import Output
from headgate.serve.refusal import RefusalError

LABEL, CONTRIBUTIONS = "label", "contributions"
HALF = 0.5
BASE = "base"
"""What the margin is before any feature is known: the last of a row's contributions."""


class Explained(Output):
    """An output that says what stands where."""

    parameters: dict[str, Any]


def optional(signature: Signature) -> frozenset[str]:
    """Return what a model of this kind gives only when it is asked for."""
    return frozenset({CONTRIBUTIONS, LABEL} if signature.task == "binary" else {CONTRIBUTIONS})


def asked_outputs(
    predictor: Predictor, rows: Admitted, scores: Predictions, asked: frozenset[str], known: frozenset[str]
) -> list[Output]:
    """Return the outputs of these names, the model's own ones where there are none; `known`: its optional ones.

    RefusalError names one that the model does not have, or cannot give.
    """
    extra = asked & known
    made = outputs_of(scores, predictor.loaded.signature, asked - extra) if asked - extra or not extra else []
    return [*made, *extra_outputs(predictor, rows, scores, extra)] if extra else made


def label_of(scores: Predictions, signature: Signature) -> Output:
    """Return a binary model's decisions, at one half as everywhere."""
    return Output(LABEL, "BYTES", (len(scores),), [signature.classes[int(score >= HALF)] for score in scores])


def contributions_of(predictor: Predictor, rows: Admitted) -> Output:
    """Return SHAP values as the model has them itself; RefusalError names a format that has none."""
    if len(predictor.models) > 1:
        raise RefusalError("two models answer here, for an experiment, and a contribution is of one")
    loaded = predictor.loaded
    values = loaded.contributions(matrix_of(predictor, rows))
    if values is None:
        raise RefusalError(
            f"this model, kept as {loaded.format}, has no contributions of its own; linear ones have, and those that "
            "LightGBM or XGBoost keep"
        )
    flat = values[:, 0] if values.shape[1] == 1 else values
    features = [*loaded.signature.names, BASE]
    return Explained(CONTRIBUTIONS, "FP64", flat.shape, np.ravel(flat).tolist(), {"features": features})


def matrix_of(predictor: Predictor, rows: Admitted) -> Matrix:
    """Return the rows as the model takes them."""
    if predictor.direct is not None:
        return predictor.direct.matrix(rows)
    from headgate.features import compute  # noqa: PLC0415 - brings polars, which most models do without
    from headgate.models.encoding import encode  # noqa: PLC0415 - as above

    made = compute(predictor.door.frame(rows), predictor.spec, predictor.function)
    return encode(made, predictor.loaded.signature)


def extra_outputs(predictor: Predictor, rows: Admitted, scores: Predictions, asked: frozenset[str]) -> list[Output]:
    """Return those of the optional outputs that were asked for."""
    found = []
    if LABEL in asked:
        found.append(label_of(scores, predictor.loaded.signature))
    if CONTRIBUTIONS in asked:
        found.append(contributions_of(predictor, rows))
    return found
