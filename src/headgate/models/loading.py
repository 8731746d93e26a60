"""A verified folder to a model that predicts; needs ONNX Runtime and nothing of what trained it."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate.errors import PermanentError
from headgate.models.encoding import Matrix, encode
from headgate.models.package import MODEL, read, read_signature, verify
from headgate.models.signature import Signature
from headgate.names import Digest

ROWS_AT_ONCE = 65_536
"""Bounds the memory of one call."""
QUIET = 3
"""ONNX Runtime's log level: errors."""

Predictions = NDArray[np.float64]


class Loaded:
    """A model in memory: what it takes, and what it predicts."""

    def __init__(self, signature: Signature, onnx: bytes, sha256: Digest, threads: int = 1) -> None:
        self.signature = signature
        self.sha256 = sha256
        self._session = session(onnx, threads)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def predict(self, features: pl.DataFrame) -> Predictions:
        """Return a prediction per row: P(positive) (n,), class probabilities (n, classes), or numbers (n,)."""
        return self.predict_matrix(encode(features, self.signature))

    def predict_matrix(self, matrix: Matrix) -> Predictions:
        """Return a prediction per row of an encoded float32 matrix (n, features)."""
        width = len(self.signature.features)
        if matrix.ndim != 2 or matrix.shape[1] != width:
            raise PermanentError(f"model takes {width} features, and the matrix has shape {matrix.shape}")
        if not len(matrix):
            return np.empty((0, len(self.signature.classes)) if self.signature.task == "multiclass" else 0)
        starts = range(0, len(matrix), ROWS_AT_ONCE)
        return np.concatenate([self._run(matrix[start : start + ROWS_AT_ONCE]) for start in starts])

    def _run(self, matrix: Matrix) -> Predictions:
        raw = np.asarray(self._session.run([self._output], {self._input: matrix})[0], dtype=np.float64)
        columns = raw.reshape(len(matrix), -1)
        return columns if self.signature.task == "multiclass" else columns[:, -1]


def session(onnx: bytes, threads: int) -> Any:
    """Return an ONNX Runtime session on the CPU that neither spins nor talks."""
    import onnxruntime  # noqa: PLC0415 - signatures are read where no model runs

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as err:  # its exceptions share no public class
        raise PermanentError(f"ONNX Runtime cannot load the model: {str(err)[:300]}") from err


def load(folder: Path, sha256: Digest, threads: int = 1) -> Loaded:
    """Return the model in `folder`, read only after its digests are verified."""
    verify(folder, sha256)
    return Loaded(read_signature(folder), read(folder, MODEL), sha256, threads)
