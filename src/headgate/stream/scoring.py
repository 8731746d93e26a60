"""The rows of many messages to scores, in as few calls as give the server's own numbers."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np

from headgate.errors import HeadgateError
from headgate.features import compute
from headgate.models.encoding import encode
from headgate.models.formats import Matrix
from headgate.models.loading import Loaded, Predictions
from headgate.models.signature import Feature, Signature
from headgate.serve.door.admission import Admitted
from headgate.serve.model.predictor import Predictor, finite
from headgate.serve.observers.batching import Waiting
from headgate.stream.letters import FAILED, DeadError

TRIED_ROWS = 256
TRIED_SIZES = (2, 3, 7, 64, TRIED_ROWS)
MISSING = 0.05
"""Share of the values of every fourth row: what is missing may hide what a model adds up."""

Scored = Predictions | DeadError


class Scoring:
    """Scores messages with one model."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.together = same_together(predictor.loaded)
        self.joining = Waiting(predictor.door.types)

    def of(self, messages: Sequence[Admitted], most_rows: int) -> list[Scored]:
        """Return each message's scores, or why it has none; calls have at most so many rows, or one message."""
        return [scored for group in grouped(messages, most_rows) for scored in self.group(group)]

    def group(self, messages: Sequence[Admitted]) -> list[Scored]:
        if len(messages) > 1:
            with suppress(Exception):  # one of them is at fault, and only that one shall have no score
                return list(self.cut(self.matrix(messages), [rows.count for rows in messages]))
        return [self.alone(rows) for rows in messages]

    def matrix(self, messages: Sequence[Admitted]) -> Matrix:
        """Return the model's rows of several messages, made at once."""
        predictor = self.predictor
        if predictor.direct is not None:
            return np.concatenate([predictor.direct.matrix(rows) for rows in messages])
        frame = predictor.door.frame(self.joining.together(messages))
        return encode(compute(frame, predictor.spec, predictor.function), predictor.loaded.signature)

    def cut(self, matrix: Matrix, counts: Sequence[int]) -> Iterator[Predictions]:
        """Yield each message's scores, of one call for all where that gives the same numbers."""
        loaded, ends = self.predictor.loaded, np.cumsum(counts)
        parts = np.split(finite(loaded.predict_matrix(matrix)), ends[:-1]) if self.together else None
        for place, part in enumerate(np.split(matrix, ends[:-1])):
            yield parts[place] if parts else finite(loaded.predict_matrix(part))

    def alone(self, rows: Admitted) -> Scored:
        """Return one message's scores exactly as the server computes them."""
        try:
            return self.predictor.answer(rows)
        except HeadgateError as err:
            return DeadError(FAILED, "; ".join(err.lines()[:2]))
        except Exception as err:  # noqa: BLE001 - no single message may end the stream
            return DeadError(FAILED, f"{type(err).__name__}: {err}")


def grouped(messages: Sequence[Admitted], most_rows: int) -> Iterator[list[Admitted]]:
    """Yield messages in their order, so many that their rows are no more than asked for; a longer one is by itself."""
    group: list[Admitted] = []
    count = 0
    for rows in messages:
        if group and count + rows.count > most_rows:
            yield group
            group, count = [], 0
        group.append(rows)
        count += rows.count
    if group:
        yield group


def same_together(loaded: Loaded) -> bool:
    """Say whether made-up rows score the same bits alone and in calls of several sizes.

    Trees do. A product of matrices does not: one row is added up in another order than many, the last bit differs, and
    the same message would have two answers, by what came beside it. Such a model is called once a message.
    """
    matrix = made_up(loaded.signature)
    alone = np.concatenate([loaded.predict_matrix(matrix[place : place + 1]) for place in range(TRIED_ROWS)])
    for size in TRIED_SIZES:
        calls = [loaded.predict_matrix(matrix[start : start + size]) for start in range(0, TRIED_ROWS, size)]
        if not np.array_equal(alone, np.concatenate(calls), equal_nan=True):
            return False
    return True


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
