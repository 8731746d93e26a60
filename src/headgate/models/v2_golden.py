"""By which rows a predictor of the owner's own is known again: those of training, with what it said of them."""

from typing import Any

import numpy as np

from headgate.errors import PermanentError
from headgate.models.formats import Matrix, shaped
from headgate.models.packed import Packed
from headgate.models.signature import Signature
from headgate.records.codec import Record, decode, encode

GOLDEN = "golden.json"
GOLDEN_ROWS = 8
TOLERANCE = 1e-5
"""Of a probability, or of the largest golden answer of a number."""
TINY = 1e-30


class Golden(Record, frozen=True, kw_only=True, tag="golden/1"):
    """Encoded rows, and what the predictor said of them when the model was trained."""

    rows: tuple[tuple[float | None, ...], ...]
    answers: tuple[tuple[float, ...], ...]

    @property
    def matrix(self) -> Matrix:
        return np.array(self.rows, dtype=np.float64).astype(np.float32)


def read(content: bytes, signature: Signature) -> Golden:
    """Return a package's golden rows; PermanentError where they are none of this model."""
    golden = decode(content, Golden, GOLDEN)
    columns = len(signature.classes) if signature.task == "multiclass" else 1
    widths = {(len(row), len(answer)) for row, answer in zip(golden.rows, golden.answers, strict=False)}
    if len(golden.rows) != len(golden.answers) or widths != {(len(signature.features), columns)}:
        raise PermanentError(
            f"{GOLDEN} does not hold rows of this model with an answer each", next_step="train it again"
        )
    return golden


def with_golden(made: Packed, matrix: Matrix, answers: np.ndarray) -> Packed:
    """Return a trained model's files with some rows and their answers, spread from the lowest to the highest."""
    columns = answers.reshape(len(matrix), -1)
    order = np.argsort(columns[:, 0], kind="stable")
    chosen = np.unique(np.linspace(0, len(matrix) - 1, GOLDEN_ROWS).astype(int))
    rows = [[None if value != value else value for value in matrix[place].tolist()] for place in order[chosen]]  # noqa: PLR0124 - NaN
    golden = Golden(rows=tuple(map(tuple, rows)), answers=tuple(map(tuple, columns[order[chosen]].tolist())))
    return Packed(made.format, {**made.files, GOLDEN: encode(golden)})


def differing(golden: Golden, raw: Any, signature: Signature) -> float:
    """Return how much the golden rows' answers differ from those of training."""
    expected = np.array(golden.answers, dtype=np.float64)
    found = shaped(raw, len(expected), signature).reshape(expected.shape)
    scale = max(float(np.abs(expected).max()), TINY) if signature.task == "regression" else 1.0
    return float(np.abs(found - expected).max()) / scale
