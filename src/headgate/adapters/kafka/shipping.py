"""What a server logs, in a topic: a message a line, by an idempotent producer; what is sent is kept beside the log."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from headgate.adapters.answers import PIECE_BYTES, files, whole
from headgate.adapters.durable import replace_file
from headgate.adapters.kafka.access import access
from headgate.adapters.kafka.troubles import Troubles
from headgate.adapters.kafka.writing import Writer
from headgate.errors import speaking
from headgate.ports import Letter
from headgate.specs.stream import LogTopic

FILE, SEGMENT = "headgate-file", "headgate-segment"
AT_ONCE = 500
"""Lines that wait for their acknowledgement together."""
SENT = msgspec.json.Decoder(dict[str, int])


class TopicShipping:
    """Sends what a log folder gained since the last time; a line that is sent twice has the same key and bytes."""

    def __init__(self, log: LogTopic, folder: Path) -> None:
        self.log = log
        self.folder = folder
        self.writer = Writer(access(log))
        self.troubles = Troubles(log, f"Write and Describe on topic {log.topic!r}")
        self.kept = folder / f".sent-{log.topic}.json"
        self.sent = self.remembered()

    def remembered(self) -> dict[str, int]:
        """Return how much of each file is in the topic; what cannot be read is sent again."""
        try:
            sent = SENT.decode(self.kept.read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}
        return {name: count for name, count in sent.items() if (self.folder / name).exists()}

    def ship(self) -> int:
        """Send every whole line that is new; return how many bytes that was."""
        paths = [path for path in files(self.folder) if path.stat().st_size > self.sent_of(path)]
        return asyncio.run(self.send(paths)) if paths else 0

    async def send(self, paths: list[Path]) -> int:
        self.troubles.overheard.forget()
        self.writer = Writer(access(self.log))  # a password, or the topic's limit, may be another one by now
        total = 0
        try:
            with self.troubles.told(f"write topic {self.log.topic!r}"):
                await self.writer.open()
                if self.log.topic not in await self.writer.topics():
                    raise self.troubles.missing([self.log.topic], for_good=False)
                for path in paths:
                    total += await self.send_file(path)
        finally:
            await self.writer.close()
        return total

    async def send_file(self, path: Path) -> int:
        """Send a file's new lines, each with the file's first line, which says how the others are read."""
        name, total = self.name(path), 0
        with speaking(f"read {str(path)!r}"), path.open("rb") as file:
            head = file.readline()
            if not head.endswith(b"\n"):
                return 0
            begin = max(self.sent.get(name, 0), len(head))
            file.seek(begin)
            while lines := whole(file.read(PIECE_BYTES) + file.readline()):
                await self.give(list(self.letters(name, head, begin, lines)))
                begin += len(lines)
                total += len(lines)
                self.remember(name, begin)
                file.seek(begin)
        return total

    def remember(self, name: str, sent: int) -> None:
        self.sent[name] = sent
        with speaking(f"write {str(self.kept)!r}"):
            replace_file(self.kept, msgspec.json.encode(self.sent))

    def letters(self, name: str, head: bytes, begin: int, lines: bytes) -> Iterator[Letter]:
        headers = ((FILE, name.encode()), (SEGMENT, head.rstrip(b"\n")))
        for line in lines.split(b"\n")[:-1]:
            yield Letter(self.log.topic, f"{name}/{begin}".encode(), line, headers)
            begin += len(line) + 1

    async def give(self, letters: list[Letter]) -> None:
        """Send lines; one that is too long for the topic is named and left on the disk alone."""
        for start in range(0, len(letters), AT_ONCE):
            some = letters[start : start + AT_ONCE]
            for place in sorted(await self.writer.give(some)):
                key = some[place].key.decode()
                sys.stderr.write(f"{key} is longer than topic {self.log.topic!r} takes: it is in the file alone\n")

    def sent_of(self, path: Path) -> int:
        """Return how much of a file is in the topic."""
        return self.sent.get(self.name(path), 0)

    def forget(self, path: Path) -> None:
        """Forget a file that was deleted."""
        self.sent.pop(self.name(path), None)

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
