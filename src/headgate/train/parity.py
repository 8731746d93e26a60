"""Does the package predict what the estimator predicted? Measured on tune rows."""

from typing import Any

import numpy as np

from headgate.errors import PermanentError
from headgate.models.loading import Loaded, Predictions
from headgate.train.convert import choices
from headgate.train.packing import predictor
from headgate.train.sample import Sample

TOLERANCE = 1e-5
"""Of a probability, or of the largest prediction: float32 sums of some hundred trees stay well inside."""
OWN_TOLERANCE = 1e-6
"""Where the same library predicts in both places."""
TINY = 1e-30
"""The scale where every prediction is 0."""


def parity(model: Any, loaded: Loaded, sample: Sample) -> float:
    """Return the largest difference between estimator and package on `sample`; PermanentError when it is too large.

    Probabilities differ absolutely and name the same class; numbers differ relative to the largest one.
    """
    estimate = predictor(model, loaded.signature)
    packaged = loaded.predict_matrix(sample.x)
    refuse_shape(packaged, sample)
    if estimate is None:
        return 0.0
    expected = estimate(sample.x)
    difference = np.abs(packaged - expected)
    scale = max(float(np.abs(expected).max()), TINY) if sample.task == "regression" else 1.0
    worst = float(np.nan_to_num(difference, nan=np.inf).max()) / scale
    allowed = TOLERANCE if loaded.format == "onnx" else OWN_TOLERANCE
    if worst > allowed:
        row = int(np.argmax(np.nan_to_num(difference, nan=np.inf).reshape(len(sample), -1).max(axis=1)))
        raise PermanentError(
            f"the {loaded.format} package does not predict what {type(model).__name__} does: they differ by up to "
            f"{worst:.3g}{' of the largest prediction' if sample.task == 'regression' else ''}, allowed {allowed:g}",
            found=f"tune row {row}: estimator {shown(expected, row)}, package {shown(packaged, row)}; "
            f"{named(sample, row)}",
            next_step="its conversion is inexact: use another estimator, or return the Path of what skops.io.dump wrote"
            if loaded.format == "onnx"
            else "return the library's own Booster or estimator, without overriding how it predicts",
        )
    if sample.task != "regression":
        refuse_other_class(expected, packaged)
    return worst


def refuse_shape(packaged: Predictions, sample: Sample) -> None:
    columns = packaged.shape[1] if packaged.ndim == 2 else 1
    if sample.task == "multiclass" and columns != len(sample.classes):
        raise PermanentError(f"the model gives {columns} numbers a row, expected {len(sample.classes)}: one a class")
    if broken := int((~np.isfinite(packaged.reshape(len(packaged), -1))).any(axis=1).sum()):
        raise PermanentError(
            f"the model predicts NaN or infinity for {broken:,} of {len(packaged):,} tune rows",
            next_step="features may be missing (NaN): impute them in the pipeline that fit returns",
        )


def refuse_other_class(expected: Predictions, packaged: Predictions) -> None:
    """Refuse another class than the estimator's, unless the estimator itself was undecided within the tolerance."""
    columns = expected if expected.ndim == 2 else np.stack([1 - expected, expected], axis=1)
    top = np.sort(columns, axis=1)[:, -2:]
    other = (choices(expected) != choices(packaged)) & (top[:, 1] - top[:, 0] > 2 * TOLERANCE)
    if other.any():
        raise PermanentError(f"estimator and package choose different classes for {int(other.sum()):,} tune rows")


def shown(predictions: Predictions, row: int) -> str:
    return ", ".join(f"{value:.7g}" for value in np.atleast_1d(predictions[row]))


def named(sample: Sample, row: int) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in zip(sample.names, sample.x[row], strict=True))[:300]
