"""The rows of many messages to scores, in as few calls as give the server's own numbers."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from polars.exceptions import PanicException

from headgate.errors import HeadgateError
from headgate.models.formats import Matrix
from headgate.models.loading import Loaded, Predictions
from headgate.models.signature import Feature, Signature
from headgate.serve.door.admission import Admitted
from headgate.serve.model.predictor import Predictor, finite
from headgate.serve.model.rowwise import doubt
from headgate.serve.model.together import encoded
from headgate.stream.letters import FAILED, DeadError

TRIED_ROWS = 256
TRIED_SIZES = (2, 3, 7, 64, TRIED_ROWS)
MISSING = 0.05
"""Share of the values of every fourth row: what is missing may hide what a model adds up."""

TRIED_EVERY = 64
"""Calls of which one message is computed alone as well, and the first few."""
FAILURES = (Exception, PanicException)
"""Also what Polars makes of a panic, which is no Exception: one message may not end the stream."""

Scored = Predictions | DeadError


class Scoring:
    """Scores messages with one model."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self.doubt = None if predictor.function is None else doubt(predictor)
        """Why each message has the owner's function by itself; None: many may have it together."""
        self.together = same_together(predictor.loaded)
        """Whether many may have the model together too."""
        self.calls = 0

    def of(self, messages: Sequence[Admitted], most_rows: int) -> list[Scored]:
        """Return each message's scores, or why it has none; calls have at most so many rows, or one message."""
        return [scored for group in grouped(messages, most_rows) for scored in self.group(group)]

    def group(self, messages: Sequence[Admitted]) -> list[Scored]:
        """Return the scores of a group, of its halves where one of them is at fault: only that one shall have none."""
        if len(messages) == 1 or self.doubt:
            return [self.alone(rows) for rows in messages]
        with suppress(*FAILURES):
            matrices = self.matrices(messages)
            if self.stands_a_trial(messages, matrices):
                return list(self.called(matrices))
        half = len(messages) // 2
        return self.group(messages[:half]) + self.group(messages[half:])

    def matrices(self, messages: Sequence[Admitted]) -> list[Matrix]:
        """Return the model's rows of each message, made of all at once."""
        if self.predictor.direct is not None:
            return [self.predictor.direct.matrix(rows) for rows in messages]
        return [matrix for (matrix,) in encoded(self.predictor, messages)]

    def stands_a_trial(self, messages: Sequence[Admitted], matrices: Sequence[Matrix]) -> bool:
        """Compute one message alone now and then: a function that gives it other features has it so from now on."""
        self.calls += 1
        if self.calls > 4 and self.calls % TRIED_EVERY:
            return True
        tried = self.calls % len(messages)
        (alone,) = self.matrices([messages[tried]])
        if alone.tobytes() == matrices[tried].tobytes():
            return True
        self.doubt = "the features function gave a message other features when others came with it"
        return False

    def called(self, matrices: Sequence[Matrix]) -> Iterator[Predictions]:
        """Yield each message's scores, of one call for all where that gives the same numbers."""
        loaded = self.predictor.loaded
        if not self.together:
            yield from (finite(loaded.predict_matrix(matrix)) for matrix in matrices)
            return
        ends = np.cumsum([len(matrix) for matrix in matrices])
        yield from np.split(finite(loaded.predict_matrix(np.concatenate(matrices))), ends[:-1])

    def alone(self, rows: Admitted) -> Scored:
        """Return one message's scores exactly as the server computes them."""
        try:
            return self.predictor.answer(rows)
        except FAILURES as err:
            return failed(err)


def failed(err: BaseException) -> DeadError:
    """Return what went wrong while a message was computed, as a dead letter says it."""
    told = "; ".join(err.lines()[:2]) if isinstance(err, HeadgateError) else f"{type(err).__name__}: {err}"
    return DeadError(FAILED, told)


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
