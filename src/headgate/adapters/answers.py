"""What a server logs in the store: it goes there piece by piece, and comes back as files that read like it."""

import fcntl
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from headgate.adapters.durable import locked, replace_file
from headgate.errors import HeadgateError, speaking
from headgate.names import Uri
from headgate.ports import Store

PIECE_BYTES = 8 << 20
"""A piece ends with the first line past this."""
FILE = re.compile(r"(labels/)?\d{4}-\d\d-\d\d/[\w.-]+\.jsonl")
EVERY = ("*-*-*/*.jsonl", "labels/*-*-*/*.jsonl", "pairs/*/*.jsonl")
PAIRS = re.compile(r"[\w.-]+\.jsonl")


class Destination(Protocol):
    """Where a log goes."""

    def ship(self) -> int:
        """Send every whole line that is new; return how many bytes that was."""

    def sent_of(self, path: Path) -> int:
        """Return how much of a file is there, as far as this process knows."""

    def forget(self, path: Path) -> None:
        """Forget a file that was deleted."""


def place(environment: str, service: str) -> str:
    """Return where in the store a service's answers are."""
    return f"predictions/{environment}/{service}"


class Shipping:
    """Sends what a log folder gained since the last time; a piece is named by where it begins: none is there twice."""

    def __init__(self, store: Store, folder: Path, where: str) -> None:
        self.store = store
        self.folder = folder
        self.where = where
        self.sent: dict[Path, int] = {}

    def ship(self) -> int:
        """Send every whole line that is new; return how many bytes that was."""
        return sum(self.ship_file(path) for path in files(self.folder))

    def ship_file(self, path: Path) -> int:
        """Send a file's new lines; where that failed, the store is asked anew what it has."""
        try:
            return self.send(path)
        except HeadgateError:
            self.forget(path)
            raise

    def send(self, path: Path) -> int:
        """Send new lines, each piece with the file's first line, which says how the others are read."""
        total = 0
        with speaking(f"read {str(path)!r}"), path.open("rb") as file:
            head = file.readline()
            if not head.endswith(b"\n"):
                return 0
            file.seek(self.begin(path, head))
            while lines := whole(file.read(PIECE_BYTES) + file.readline()):
                begin = self.begin(path, head)
                self.store.put(self.uri(path, begin), head + lines)
                self.sent[path] = begin + len(lines)
                file.seek(self.sent[path])
                total += len(lines)
        return total

    def begin(self, path: Path, head: bytes) -> int:
        """Return how much of a file is in the store; what an earlier process of this pod sent is asked for once."""
        if path not in self.sent:
            sent = len(head)
            while self.store.has(self.uri(path, sent)):
                sent += len(self.store.get(self.uri(path, sent))) - len(head)
            self.sent[path] = sent
        return self.sent[path]

    def sent_of(self, path: Path) -> int:
        """Return how much of a file is in the store, as far as this process knows."""
        return self.sent.get(path, 0)

    def forget(self, path: Path) -> None:
        """Forget what is there of a file."""
        self.sent.pop(path, None)

    def uri(self, path: Path, begin: int) -> Uri:
        folder = path.parent.relative_to(self.folder).as_posix()
        return Uri(f"{self.where}/{folder}/{path.stem}-{begin:012d}.jsonl")


def files(folder: Path) -> list[Path]:
    """Return the files of a log folder, sorted."""
    return sorted(path for each in EVERY for path in folder.glob(each))


def free(folder: Path, destinations: Sequence[Destination]) -> None:
    """Delete the files of which every whole line is everywhere, and folders that are empty by then.

    Who appends has the file's lock meanwhile: what stands behind the last whole line, a killed process tore.
    """
    for path in files(folder):
        if_free = suppress(FileNotFoundError, BlockingIOError)
        with speaking(f"delete {str(path)!r}"), if_free, locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if not has_more(path, min(destination.sent_of(path) for destination in destinations)):
                path.unlink()
                for destination in destinations:
                    destination.forget(path)
        with suppress(OSError):
            path.parent.rmdir()


def has_more(path: Path, sent: int) -> bool:
    """Say whether a line has ended behind the first line and what was sent."""
    with path.open("rb") as file:
        file.seek(max(sent, len(file.readline())))
        return any(b"\n" in block for block in iter(lambda: file.read(PIECE_BYTES), b""))


def whole(text: bytes) -> bytes:
    """Return the lines that have ended."""
    return text[: text.rfind(b"\n") + 1]


def days(store: Store, where: str) -> set[str]:
    """Return the event days of which there are answers."""
    names = (uri.removeprefix(f"{where}/") for uri in store.uris(f"{where}/"))
    return {name.partition("/")[0] for name in names if FILE.fullmatch(name) and not name.startswith("labels/")}


def bring(store: Store, where: str, folder: Path, first: str, last: str) -> None:
    """Bring every piece of the days from first to last that is not there yet into a log folder."""
    for uri in store.uris(f"{where}/"):
        name = uri.removeprefix(f"{where}/")
        path = folder / name
        if FILE.fullmatch(name) and first <= path.parent.name <= last:
            copy(store, uri, path)


def bring_pairs(store: Store, where: str, folder: Path) -> None:
    """Bring every piece of a champion's and a shadow's pairs that is not there yet into a folder."""
    for uri in store.uris(f"{where}/"):
        name = uri.removeprefix(f"{where}/")
        if PAIRS.fullmatch(name):
            copy(store, uri, folder / name)


def copy(store: Store, uri: Uri, path: Path) -> None:
    if path.exists():
        return
    with speaking(f"write {str(path)!r}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, store.get(uri))
