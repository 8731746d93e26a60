"""Messages to letters: each is answered as the server answers the same request, or becomes a dead letter."""

from collections.abc import Sequence
from typing import NamedTuple

from headgate.names import short
from headgate.ports import Letter, Message
from headgate.serve.door.admission import Admitted
from headgate.serve.door.limits import Limits
from headgate.serve.door.violations import header as notice_header
from headgate.serve.logs.recorder import Recorder
from headgate.serve.model.optional_outputs import asked_outputs, optional
from headgate.serve.model.predictor import Predictor
from headgate.serve.model.together import FAILURES
from headgate.serve.protocols import v2
from headgate.serve.refusal import RefusalError
from headgate.specs.stream import Streaming
from headgate.stream import letters
from headgate.stream.letters import DeadError
from headgate.stream.scoring import Scored, Scoring, failed


class Asked(NamedTuple):
    """A message that the door let in."""

    request: v2.Request
    rows: Admitted


class Answering:
    """Answers messages with one model."""

    def __init__(self, predictor: Predictor, stream: Streaming, recorder: Recorder | None = None) -> None:
        self.predictor = predictor
        self.stream = stream
        self.recorder = recorder
        self.signature = predictor.loaded.signature
        self.model = short(predictor.loaded.sha256)
        self.most_rows = Limits().rows
        self.optional = optional(self.signature)
        self.scoring = Scoring(predictor)

    def letters(self, messages: Sequence[Message]) -> list[Letter]:
        """Return one letter for each message, in their order; what is wrong with one is no matter of the others."""
        asked = [self.admitted(message) for message in messages]
        good = [one.rows for one in asked if isinstance(one, Asked)]
        scores = iter(self.scoring.of(good, self.stream.batch_rows))
        made = [
            self.answer(message, one, next(scores)) if isinstance(one, Asked) else self.dead(message, one)
            for message, one in zip(messages, asked, strict=True)
        ]
        if self.recorder:
            self.recorder.flush()
        return made

    def admitted(self, message: Message) -> Asked | DeadError:
        """Return a message's request and rows, once the door has let them in."""
        if message.value is None:
            return DeadError(letters.TOMBSTONE, "the message has no value: a tombstone asks for nothing")
        try:
            request = v2.decode(message.value)
            rows = self.predictor.door.admit(request)
        except RefusalError as err:
            return letters.refused(err)
        except FAILURES as err:
            return failed(err)
        if rows.count > self.most_rows:
            most = f"at most {self.most_rows:,} are answered at a time"
            return DeadError(letters.MALFORMED, f"the request has {rows.count:,} rows; {most}")
        return Asked(request, rows)

    def answer(self, message: Message, asked: Asked, scores: Scored) -> Letter:
        """Return the server's answer to a message's request; without an id its place is the id."""
        if isinstance(scores, DeadError):
            return self.dead(message, scores)
        key = asked.request.id or message.place
        try:
            wanted = frozenset(output.name for output in asked.request.outputs)
            outputs = asked_outputs(self.predictor, asked.rows, scores, wanted, self.optional)
        except RefusalError as err:
            return self.dead(message, letters.refused(err))
        except FAILURES as err:
            return self.dead(message, failed(err))
        if self.recorder:
            self.recorder.record(asked.rows, scores.tolist())
        content = v2.encode(v2.Response(self.signature.service, self.model, outputs, key))
        letter = letters.answer(message, self.stream.answers, key, content, self.model)
        return letters.noticed(letter, notice_header(asked.rows.notices)) if asked.rows.notices else letter

    def dead(self, message: Message, why: DeadError) -> Letter:
        """Return a message as a dead letter."""
        return letters.dead(message, self.stream.dead_letters, self.model, why)

    def shorter(self, message: Message, letter: Letter) -> Letter | None:
        """Return what is written in place of a letter that its topic finds too long; None where that is cut already."""
        if not letters.kind_of(letter):
            reason = f"the answer is longer than topic {letter.topic!r} takes; ask for fewer rows a message"
            return self.dead(message, DeadError(letters.TOO_LONG, reason))
        return None if letters.is_cut(letter) else letters.cut(letter)
