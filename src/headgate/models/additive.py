"""What each feature adds to a linear model's margin, found by asking it about one feature at a time.

Of a model whose margin is a sum over features that is exact, and needs no look into its weights: a row of nothing but
missing values is where the built-in linear models put the mean of every number, and each feature alone moves it by as
much as it adds. Where the parts don't add up to the margin, the model is no such sum, and there is no answer.
"""

import numpy as np

from headgate.models.formats import Matrix, Raw, shaped
from headgate.models.signature import Signature

LINEAR = (b"LinearClassifier", b"LinearRegressor")
FOREST = b"TreeEnsemble"
ROWS_AT_ONCE = 65_536
CLOSE = 2e-3
"""Of the margin: a float32 probability near 0 or 1 holds no more digits of its log-odds."""


def is_linear(onnx: bytes, signature: Signature) -> bool:
    """Say whether a network ends in a linear model of one margin; of several classes each has its own."""
    return signature.task != "multiclass" and FOREST not in onnx and any(name in onnx for name in LINEAR)


def contributions(predict: Raw, matrix: Matrix, signature: Signature) -> np.ndarray | None:
    """Return (rows, features + 1), the base last; None where they don't add up."""
    if not len(matrix):
        return np.empty((0, matrix.shape[1] + 1))
    step = max(1, ROWS_AT_ONCE // matrix.shape[1])
    parts = [part(predict, matrix[start : start + step], signature) for start in range(0, len(matrix), step)]
    return None if any(one is None for one in parts) else np.concatenate([one for one in parts if one is not None])


def part(predict: Raw, matrix: Matrix, signature: Signature) -> np.ndarray | None:
    rows, width = matrix.shape
    alone = np.full((rows, width, width), np.nan, dtype=np.float32)
    alone[:, np.arange(width), np.arange(width)] = matrix
    base = float(margin(predict, np.full((1, width), np.nan, dtype=np.float32), signature)[0])
    added = margin(predict, alone.reshape(-1, width), signature).reshape(rows, width) - base
    whole = margin(predict, matrix, signature)
    if not np.allclose(added.sum(axis=1) + base, whole, rtol=CLOSE, atol=CLOSE):
        return None
    return np.column_stack([added, np.full(rows, base)])


def margin(predict: Raw, matrix: Matrix, signature: Signature) -> np.ndarray:
    """Return log-odds, or the value itself."""
    scores = shaped(predict(matrix), len(matrix), signature)
    if signature.task == "regression":
        return scores
    tiny = np.finfo(np.float32).eps
    inside = np.clip(scores, tiny, 1 - tiny)
    return np.log(inside) - np.log1p(-inside)
