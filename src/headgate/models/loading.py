"""A verified folder to a model that predicts; needs the library of its format and nothing of what trained it."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headgate.errors import PermanentError
from headgate.models.formats import Matrix, opened, shaped
from headgate.models.package import packed, read_signature, verify
from headgate.models.packed import Packed, onnx_packed
from headgate.models.signature import Signature
from headgate.names import Digest

if TYPE_CHECKING:
    import polars as pl

ROWS_AT_ONCE = 65_536
"""Bounds the memory of one call."""

Predictions = NDArray[np.float64]


class Loaded:
    """A model in memory: what it takes, and what it predicts."""

    def __init__(self, signature: Signature, model: bytes | Packed, sha256: Digest, threads: int = 1) -> None:
        """Open a model: bytes are ONNX."""
        made = onnx_packed(model) if isinstance(model, bytes) else model
        self.signature = signature
        self.sha256 = sha256
        self.format = made.format
        self._raw = opened(made, signature, threads)

    def predict(self, features: "pl.DataFrame") -> Predictions:
        """Return a prediction per row: P(positive) (n,), class probabilities (n, classes), or numbers (n,)."""
        from headgate.models.encoding import encode  # noqa: PLC0415 - brings polars, and a matrix needs none

        return self.predict_matrix(encode(features, self.signature))

    def predict_matrix(self, matrix: Matrix) -> Predictions:
        """Return a prediction per row of an encoded float32 matrix (n, features)."""
        width = len(self.signature.features)
        if matrix.ndim != 2 or matrix.shape[1] != width:
            raise PermanentError(f"model takes {width} features, and the matrix has shape {matrix.shape}")
        if not len(matrix):
            return np.empty((0, len(self.signature.classes)) if self.signature.task == "multiclass" else 0)
        if len(matrix) <= ROWS_AT_ONCE:
            return self._run(matrix)
        starts = range(0, len(matrix), ROWS_AT_ONCE)
        return np.concatenate([self._run(matrix[start : start + ROWS_AT_ONCE]) for start in starts])

    def contributions(self, matrix: Matrix) -> Predictions | None:
        """Return what each feature adds to each row's margin, (n, outputs, features + 1), the base last.

        Log-odds where probabilities are predicted; None: the model has none of its own.
        """
        explain = getattr(self._raw, "contributions", None)
        found = explain(matrix) if explain else None
        if found is None:
            return None
        values, width = np.asarray(found, dtype=np.float64), len(self.signature.features) + 1
        return values.reshape(len(matrix), values.size // max(1, len(matrix) * width) or 1, width)

    @property
    def is_remote(self) -> bool:
        """Whether another process answers: it may be away, and waiting for it takes time."""
        return self.format == "v2"

    def check(self) -> None:
        """Raise an error that says why the model cannot answer now, where it is another process's."""
        if self.is_remote:
            self._raw.check()  # type: ignore[attr-defined]  # only this format's model has it

    def _run(self, matrix: Matrix) -> Predictions:
        return shaped(self._raw(matrix), len(matrix), self.signature)


def load(folder: Path, sha256: Digest, threads: int = 1) -> Loaded:
    """Return the model in `folder`, opened only after its digests are verified."""
    manifest = verify(folder, sha256)
    return Loaded(read_signature(folder), packed(folder, manifest), sha256, threads)
