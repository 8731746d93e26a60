"""The rows of many messages to scores, in as few calls as give the server's own numbers."""

from collections.abc import Iterator, Sequence

from headgate.errors import HeadgateError, TransientError
from headgate.models.formats import Matrix
from headgate.models.loading import Predictions
from headgate.serve.door.admission import Admitted
from headgate.serve.model.one_call import in_one_call, same_together
from headgate.serve.model.predictor import Predictor, finite
from headgate.serve.model.rowwise import doubt
from headgate.serve.model.together import FAILURES, encoded
from headgate.stream.letters import FAILED, DeadError

TRIED_EVERY = 64
"""Calls of which one message is computed alone as well, and the first few."""

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
        try:
            matrices = self.matrices(messages)
            if self.stands_a_trial(messages, matrices):
                return self.called(matrices)
        except FAILURES as err:
            refuse_passing(err)
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

    def called(self, matrices: Sequence[Matrix]) -> list[Scored]:
        """Return each message's scores, of one call for all where that gives the same numbers."""
        loaded = self.predictor.loaded
        made = in_one_call(loaded, matrices) if self.together else map(loaded.predict_matrix, matrices)
        return [finite(scores) for scores in made]

    def alone(self, rows: Admitted) -> Scored:
        """Return one message's scores exactly as the server computes them."""
        try:
            return self.predictor.answer(rows)
        except FAILURES as err:
            refuse_passing(err)
            return failed(err)


def refuse_passing(err: BaseException) -> None:
    """Raise what passes: a model that is away is no message's fault, and none is a dead letter for it."""
    if isinstance(err, TransientError):
        raise err


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
