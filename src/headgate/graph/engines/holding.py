"""Whose is a run? Its one process's, until that and all it started have ended: the kernel frees the lock."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headgate.errors import TransientError


def is_held(lock: Path) -> bool:
    """Say whether a living process holds a lock."""
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def locked(path: Path, wait_seconds: float = 60.0) -> Iterator[int]:
    """Hold a lock that the kernel frees when its last holder dies; yield its descriptor."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as err:
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"run {path.parent.name!r} is held by another process", next_step="wait for it, then run again"
                    ) from err
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)
