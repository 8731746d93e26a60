"""Who may write now: one process at a time, by a lock that the kernel frees when its holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2
from pygit2.enums import Option

from headgate.errors import HeadgateError, PermanentError, TransientError, disk_full

LOCK_NAME = "headgate.lock"
WAIT_SECONDS = 60.0
STALE_SECONDS = 3.0
"""Git holds a reference's lock file for milliseconds; one this old belongs to a dead process."""
POLL_SECONDS = 0.01
NO_ROOM = ("no space left", "quota", "file too large")


@contextmanager
def reading(path: Path) -> Iterator[pygit2.Repository]:
    """Give the repository; what goes wrong inside is a HeadgateError."""
    with translating(path):
        yield opened(path)


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Turn what Git and the disk say about a repository into Headgate's errors."""
    try:
        yield
    except HeadgateError:
        raise
    except (pygit2.GitError, OSError) as err:
        raise translated(err, path) from err


@contextmanager
def writing(path: Path) -> Iterator[pygit2.Repository]:
    """Give the repository to one writer at a time, its objects and references synced to disk."""
    with reading(path) as repo, held(path / LOCK_NAME):
        pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)
        yield repo


@contextmanager
def held(lock: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock on a file or folder; TransientError when another process keeps it too long."""
    flags = os.O_RDONLY if lock.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(lock, flags | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait_seconds
        while not grabbed(descriptor):
            if time.monotonic() > deadline:
                raise TransientError(f"{str(lock)!r} is held by another process", next_step="try again in a minute")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def grabbed(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def await_reference(repo: pygit2.Repository, reference: str) -> None:
    """Wait until no lock file bars a reference; one that outlived its writer is removed."""
    lock = Path(repo.path) / f"{reference}.lock"
    deadline = time.monotonic() + STALE_SECONDS
    first = identity(lock)
    while (now := identity(lock)) is not None:
        if now != first:
            first, deadline = now, time.monotonic() + STALE_SECONDS
        if time.time() - now[1] / 1e9 > STALE_SECONDS or time.monotonic() > deadline:
            lock.unlink(missing_ok=True)
            return
        time.sleep(POLL_SECONDS)


def identity(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.st_ino, stat.st_mtime_ns


def opened(path: Path) -> pygit2.Repository:
    if not (path / "objects").is_dir():
        raise PermanentError(f"no bare Git repository at {str(path)!r}", next_step="`headgate init` makes one")
    return pygit2.Repository(str(path))


def translated(err: Exception, path: Path) -> HeadgateError:
    text = " ".join(str(err).split())[:300]
    if any(words in text.lower() for words in NO_ROOM):
        return disk_full(f"write to {str(path)!r}", text)
    if "lock" in text:
        return TransientError(f"{str(path)!r} is busy: {text}", next_step="try again")
    return PermanentError(f"{str(path)!r}: {text}")
