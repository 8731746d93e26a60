"""May a model be asked for the rows of many requests by one call? Only where it says the same of each, bit by bit."""

from collections.abc import Sequence

import numpy as np

from headgate.models.formats import Matrix
from headgate.models.loading import Loaded, Predictions
from headgate.models.signature import Feature, Signature

TRIED_ROWS = 256
TRIED_SIZES = (2, 3, 7, 64, TRIED_ROWS)
MISSING = 0.05
"""Share of the values of every fourth row: what is missing may hide what a model adds up."""


def same_together(loaded: Loaded) -> bool:
    """Say whether made-up rows score the same bits alone and in calls of several sizes.

    Trees do. A product of matrices does not: one row is added up in another order than many, the last bit differs, and
    the same request would have two answers, by what came beside it. Such a model is called once a request.
    Nor is one that another process answers for: it may refuse what is made up, and answers each request in a thread.
    """
    if loaded.is_remote:
        return False
    matrix = made_up(loaded.signature)
    alone = np.concatenate([loaded.predict_matrix(matrix[place : place + 1]) for place in range(TRIED_ROWS)])
    for size in TRIED_SIZES:
        calls = [loaded.predict_matrix(matrix[start : start + size]) for start in range(0, TRIED_ROWS, size)]
        if not np.array_equal(alone, np.concatenate(calls), equal_nan=True):
            return False
    return True


def in_one_call(loaded: Loaded, matrices: Sequence[Matrix]) -> list[Predictions]:
    """Return what a model says of each request's rows, asked once for all of them."""
    ends = np.cumsum([len(matrix) for matrix in matrices])
    return np.split(loaded.predict_matrix(np.concatenate(matrices)), ends[:-1])


def made_up(signature: Signature) -> Matrix:
    """Return rows with a value for every feature, some missing; always the same."""
    random = np.random.default_rng(0)
    matrix = np.stack([column(feature, random) for feature in signature.features], axis=1)
    matrix[::4][random.random(matrix[::4].shape) < MISSING] = np.nan
    return matrix


def column(feature: Feature, random: np.random.Generator) -> Matrix:
    if feature.kind == "category":
        return random.integers(0, max(1, len(feature.categories)), TRIED_ROWS).astype(np.float32)
    return (random.normal(size=TRIED_ROWS) * 10.0 ** random.integers(-2, 4, TRIED_ROWS)).astype(np.float32)
