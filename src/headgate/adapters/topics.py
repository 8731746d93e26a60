"""`ports.Stream` in a folder: a topic is a file of lines, appended to and never changed; for one machine without Kafka.

A line is a message: `{"key": ..., "value": "...", "headers": {...}}`, as written here, or anything else, which is then
the message's value as it is: so a topic of requests is a file with one request a line. Its offset: where it begins.
"""

import asyncio
import fcntl
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from headgate.adapters.durable import replace_file, write_synced
from headgate.errors import PermanentError, TransientError, speaking
from headgate.ports import Letter, Message
from headgate.specs.stream import Streaming

LOOK_SECONDS = 0.05
BLOCK_BYTES = 8 << 20


class Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One message of a topic's file."""

    value: str | None
    key: str | None = None
    headers: dict[str, str] = {}
    base64: bool = False
    """The value is no text, and written so."""


class FolderStream:
    """Reads and writes the topics of one stream; one process of a group at a time."""

    def __init__(self, stream: Streaming, group: str) -> None:
        self.stream = stream
        self.folder = Path(str(stream.folder))
        self.kept = self.folder / f"{stream.requests}.{group.replace('/', '%2F')}.offset"
        self.lock: int | None = None
        self.offset = 0

    async def open(self) -> None:
        """Begin after the last committed message; PermanentError names a topic that is not there."""
        for topic in (self.stream.requests, self.stream.answers, self.stream.dead_letters):
            if not self.path(topic).is_file():
                raise PermanentError(
                    f"no topic {topic!r} in {str(self.folder)!r}", next_step=f"touch {self.path(topic)}"
                )
        with speaking(f"read the topics in {str(self.folder)!r}"):
            self.lock = alone(self.kept.with_suffix(".lock"))
            self.offset = self.committed()

    def committed(self) -> int:
        """Return where the next message begins, 0 at first; PermanentError where that is in no file as it is now."""
        text = self.kept.read_bytes() if self.kept.exists() else b"0"
        if not text.isdigit() or int(text) > self.path(self.stream.requests).stat().st_size:
            raise PermanentError(
                f"{str(self.kept)!r} says {text[:40].decode(errors='replace')!r}, which is not in the topic's file",
                next_step="bring back the file that was read; or remove this one, and all is answered anew",
            )
        return int(text)

    async def take(self, most: int, seconds: float) -> Sequence[Message]:
        """Return the next whole lines, at most so many; a line that is still being written waits for its end."""
        for _ in range(max(1, round(seconds / LOOK_SECONDS))):
            with speaking(f"read topic {self.stream.requests!r}"):
                messages = list(self.messages(most))
            if messages:
                return messages
            await asyncio.sleep(LOOK_SECONDS)
        return []

    def messages(self, most: int) -> Iterator[Message]:
        with self.path(self.stream.requests).open("rb") as file:
            file.seek(self.offset)
            read = 0
            for _ in range(most):
                line = file.readline()
                if not line.endswith(b"\n") or read > BLOCK_BYTES:
                    return
                yield message_of(self.stream.requests, self.offset, line[:-1])
                self.offset += len(line)
                read += len(line)

    async def give(self, letters: Sequence[Letter]) -> frozenset[int]:
        """Return once the letters are on the disk; no letter is too long for a file."""
        for topic in dict.fromkeys(letter.topic for letter in letters):
            lines = b"".join(line_of(letter) for letter in letters if letter.topic == topic)
            with speaking(f"write topic {topic!r}"):
                append(self.path(topic), lines)
        return frozenset()

    async def commit(self, messages: Sequence[Message]) -> None:  # noqa: ARG002 - all that was taken, in order
        """Remember where the next message begins."""
        with speaking(f"write {str(self.kept)!r}"):
            replace_file(self.kept, b"%d" % self.offset)

    async def lag(self) -> Mapping[int, int]:
        """Return how many lines wait."""
        with speaking(f"read topic {self.stream.requests!r}"), self.path(self.stream.requests).open("rb") as file:
            file.seek(self.offset)
            return {0: sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))}

    def lost(self) -> int:
        """Return 0: nothing takes lines away."""
        return 0

    async def close(self) -> None:
        """Let another process read."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def path(self, topic: str) -> Path:
        return self.folder / f"{topic}.jsonl"


def alone(path: Path) -> int:
    """Take a lock that ends with this process; TransientError while another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        os.close(descriptor)
        raise TransientError(f"another process reads with {str(path)!r}: a topic in a folder has one reader") from err
    return descriptor


def append(path: Path, lines: bytes) -> None:
    """Append whole lines; what a killed process half wrote is ended first, and is a line of its own."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
        write_synced(descriptor, b"\n" + lines if torn else lines)
    finally:
        os.close(descriptor)


def message_of(topic: str, offset: int, line: bytes) -> Message:
    """Return a line as a message."""
    with suppress(msgspec.DecodeError, ValueError, RecursionError):
        known = msgspec.json.decode(line, type=Line)
        text = known.value
        value = None if text is None else b64decode(text, validate=True) if known.base64 else text.encode()
        headers = tuple((name, value.encode()) for name, value in known.headers.items())
        return Message(topic, 0, offset, None if known.key is None else known.key.encode(), value, headers)
    return Message(topic, 0, offset, None, line)


def line_of(letter: Letter) -> bytes:
    """Return a letter as a line."""
    try:
        value, plain = letter.value.decode(), True
    except UnicodeDecodeError:
        value, plain = b64encode(letter.value).decode(), False
    headers = {name: value.decode(errors="replace") for name, value in letter.headers}
    key = letter.key.decode(errors="replace")
    return msgspec.json.encode(Line(value, key, headers, base64=not plain)) + b"\n"
