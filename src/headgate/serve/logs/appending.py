"""Appends whole lines to files that others may delete between two appends: `headgate ship` does, once they are sent.

A file is locked while it is appended to, and while it is deleted. So whoever has the lock sees whole lines, and behind
them at most what a killed process tore; and whoever finds a file gone, or in another's hand, begins a new one. No name
comes twice: what is in the store under a name and a place in its file is never anything else.
"""

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from headgate.adapters.durable import write_all
from headgate.serve.logs.room import Room

SEGMENT_BYTES = 64 << 20
"""A file that has reached this gets no further line."""
MOST_FOLDERS = 1000
"""Whose last file is remembered: clients say which days there are."""
TRIES = 5


class Appending:
    """Appends to one process's own files, one at a time in each folder, all of which begin with the same line."""

    def __init__(self, prefix: str, head: bytes, room: Room) -> None:
        self.prefix = prefix
        self.head = head
        self.room = room
        self.files: dict[Path, Path] = {}

    def append(self, folder: Path, lines: bytes, *, synced: bool = False) -> None:
        """Write whole lines all or nothing, as far as this process lives; OSError when the disk takes nothing."""
        self.room.check()
        descriptor, size = self.known(folder) or self.begun(folder)
        try:
            write_all(descriptor, lines if size else self.head + lines)
            if synced:
                os.fsync(descriptor)
        except OSError:
            self.take_back(descriptor, size, folder)
            raise
        finally:
            os.close(descriptor)
        self.room.take(len(lines))

    def known(self, folder: Path) -> tuple[int, int] | None:
        """Return the folder's present file, locked, and its size; None where it is gone, full or in another's hand."""
        path = self.files.get(folder)
        if path is None:
            return None
        with suppress(FileNotFoundError, BlockingIOError):
            descriptor = locked(path, 0)
            size = os.fstat(descriptor).st_size
            if size < SEGMENT_BYTES:
                return descriptor, size
            os.close(descriptor)
        return None

    def begun(self, folder: Path) -> tuple[int, int]:
        """Return a new file, locked; who empties the folder may take it, or the folder, away before it is."""
        for _ in range(TRIES):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{self.prefix}{os.getpid()}-{time.time_ns()}.jsonl"
            with suppress(FileNotFoundError, FileExistsError, BlockingIOError):
                descriptor = locked(path, os.O_CREAT | os.O_EXCL)
                if len(self.files) >= MOST_FOLDERS:
                    self.files.clear()
                self.files[folder] = path
                return descriptor, 0
        raise OSError(errno.EAGAIN, f"no file could be begun in {str(folder)!r}")

    def take_back(self, descriptor: int, size: int, folder: Path) -> None:
        """Undo a half-written append; where even that fails the torn file is left behind, and a new one begun."""
        try:
            os.ftruncate(descriptor, size)
        except OSError:
            self.files.pop(folder, None)


def locked(path: Path, how: int) -> int:
    """Open a file for appending and lock it; FileNotFoundError where it is gone by then, BlockingIOError at once."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | how, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(descriptor).st_nlink:
            raise FileNotFoundError(errno.ENOENT, "deleted", str(path))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
