"""What is written about a message: its answer, or itself as a dead letter; of the same input always the same bytes."""

from collections.abc import Mapping

from msgspec.structs import replace

from headgate.ports import Letter, Message
from headgate.serve.refusal import RefusalError

SOURCE, MODEL, NOTICE = "headgate-source", "headgate-model", "headgate-notice"
KIND, REASON, KEY, CUT = "headgate-kind", "headgate-reason", "headgate-key", "headgate-cut"
OURS = "headgate-"
"""Headers of this name are written here alone; all others of a message stay with its answer."""
REASON_CHARACTERS = 1_000

TOMBSTONE, MALFORMED, CONTRACT, FAILED, TOO_LONG = "tombstone", "malformed", "contract", "model", "too_long"
"""Why a message became a dead letter, as the metric counts it."""


class DeadError(Exception):
    """A message that cannot be answered, and never will be."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def answer(message: Message, topic: str, key: str, content: bytes, model: str) -> Letter:
    """Return a message's answer; its key is the request's id."""
    return Letter(topic, written(key), content, headers(message, {SOURCE: message.place, MODEL: model}))


def noticed(letter: Letter, notices: bytes) -> Letter:
    """Return an answer that says what is not as the contract promises."""
    return replace(letter, headers=(*letter.headers, (NOTICE, notices)))


def dead(message: Message, topic: str, model: str, why: DeadError) -> Letter:
    """Return a message as a dead letter: its own bytes, why, and where it stands; the key is its place."""
    facts = {SOURCE: message.place, MODEL: model, KIND: why.kind, REASON: why.reason[:REASON_CHARACTERS]}
    kept = headers(message, facts)
    if message.key is not None:
        kept += ((KEY, message.key),)
    return Letter(topic, message.place.encode(), message.value or b"", kept)


def cut(letter: Letter) -> Letter:
    """Return a dead letter that its topic takes: without the message's bytes and headers, which stand at its source."""
    own = tuple((name, value) for name, value in letter.headers if name in {SOURCE, MODEL, KIND, REASON})
    return Letter(letter.topic, letter.key, b"", (*own, (CUT, b"%d" % len(letter.value))))


def kind_of(letter: Letter) -> str:
    """Return why a letter is dead, nothing for an answer."""
    return next((value.decode() for name, value in letter.headers if name == KIND), "")


def is_cut(letter: Letter) -> bool:
    """Say whether a dead letter is without its message's bytes."""
    return any(name == CUT for name, _ in letter.headers)


def headers(message: Message, ours: Mapping[str, str]) -> tuple[tuple[str, bytes], ...]:
    """Return a message's own headers and ours; whoever wrote it cannot write ours."""
    foreign = ((name, value) for name, value in message.headers if not name.lower().startswith(OURS))
    return (*foreign, *((name, written(text)) for name, text in ours.items()))


def written(text: str) -> bytes:
    """Return UTF-8; half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark."""
    return text.encode(errors="replace")


def refused(err: RefusalError) -> DeadError:
    """Return what the door said, as a dead letter says it."""
    return DeadError(CONTRACT if err.reason == CONTRACT else MALFORMED, err.message)
