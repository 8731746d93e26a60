"""What one row costs under each metric that is a mean over rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RowLoss = Callable[[Floats, Floats], Floats]

SMALLEST = float(np.finfo(np.float64).eps)
"""A probability of 0 is read as this, as scikit-learn does, so that one sure mistake costs 36 and not infinity."""


def log_loss(label: Floats, prediction: Floats) -> Floats:
    """Return minus the log of the probability given to what happened."""
    return np.asarray(-np.log(np.clip(_given(label, prediction), SMALLEST, 1 - SMALLEST)))


def brier(label: Floats, prediction: Floats) -> Floats:
    """Return squared error of the probabilities; over all classes when there are several (Brier 1950)."""
    if prediction.ndim == 1:
        return np.asarray((prediction - label) ** 2)
    return np.asarray((prediction**2).sum(axis=1) - 2 * _given(label, prediction) + 1)


def correct(label: Floats, prediction: Floats) -> Floats:
    """Return 1 where the likeliest class is the label; a tie goes to the lower class, as argmax has it."""
    guess = prediction > 0.5 if prediction.ndim == 1 else prediction.argmax(axis=1)
    return np.asarray(guess == label, dtype=np.float64)


def absolute_error(label: Floats, prediction: Floats) -> Floats:
    """Return how far off each row is, in the label's unit."""
    return np.asarray(np.abs(prediction - label))


def squared_error(label: Floats, prediction: Floats) -> Floats:
    """Return the square of how far off each row is."""
    return np.asarray((prediction - label) ** 2)


def _given(label: Floats, prediction: Floats) -> Floats:
    if prediction.ndim == 1:
        return np.where(label == 1, prediction, 1 - prediction)
    return np.asarray(prediction[np.arange(len(label)), label.astype(np.intp)])


ROW_LOSSES: dict[str, RowLoss] = {
    "log_loss": log_loss,
    "brier": brier,
    "accuracy": correct,
    "mae": absolute_error,
}
"""Metrics that are plain means of a row's value."""
