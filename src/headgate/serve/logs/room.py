"""How much a log folder may hold, asked of the disk itself: others write there too, and `headgate ship` deletes."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

BLOCK = 4096
"""The least that a file or a folder takes."""
LOOK_SECONDS = 5.0
"""Between two looks only this process's own lines are counted."""


class Room:
    """Says whether a folder's files have reached what they may take together; asked before lines are written."""

    def __init__(self, folder: Path, most_bytes: int | None) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self.used = 0
        self.next_look = 0.0

    def is_full(self) -> bool:
        """Say whether nothing more may be written; never where there is no limit."""
        if self.most_bytes is None:
            return False
        now = time.monotonic()
        if now >= self.next_look:
            self.used, self.next_look = sum(sizes(self.folder)), now + LOOK_SECONDS
        return self.used >= self.most_bytes

    def check(self) -> None:
        """Raise OSError, as a full disk does, where there is none."""
        if self.is_full():
            raise OSError(errno.EDQUOT, f"its files have reached the limit of {self.most_bytes or 0:,} bytes")

    def take(self, size: int) -> None:
        """Count what was written."""
        self.used += size


def sizes(folder: Path) -> Iterator[int]:
    """Yield what each file and folder below a folder takes."""
    for root, folders, files in os.walk(folder):
        yield len(folders) * BLOCK
        for name in files:
            with suppress(OSError):
                yield max(BLOCK, Path(root, name).lstat().st_size)
