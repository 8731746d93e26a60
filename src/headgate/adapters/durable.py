"""Writes that survive a kill: into a locked temporary, synced, then made visible in one step."""

import fcntl
import glob
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BLOCK = 1 << 20
COUNTER = itertools.count()


@contextmanager
def temporary(temps: Path, *, folder: bool) -> Iterator[tuple[Path, int]]:
    """Give a new file or folder in `temps` and its descriptor, locked while this process lives; gone afterwards."""
    temps.mkdir(parents=True, exist_ok=True)
    path = temps / f"{os.getpid()}-{next(COUNTER)}"
    with locked(temps, fcntl.LOCK_SH):
        remove(path)
        if folder:
            path.mkdir()
        descriptor = os.open(path, os.O_RDONLY if folder else os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield path, descriptor
    finally:
        remove(path)
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that is whole or as it was, after a power cut too; what killed processes half wrote is removed."""
    with replacing(path) as descriptor:
        write_all(descriptor, content)


def replace_by_copy(path: Path, source: Path) -> None:
    """Write a file as `replace_file` does, of another file's bytes; they are never all in memory."""
    with replacing(path) as descriptor, source.open("rb") as reading:
        while block := reading.read(BLOCK):
            write_all(descriptor, block)


@contextmanager
def replacing(path: Path) -> Iterator[int]:
    """Give what to write to; the file is there once all is written."""
    part, descriptor = part_of(path)
    try:
        yield descriptor
        os.fsync(descriptor)
        part.replace(path)
        sync(path.parent)
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError), locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
            left.unlink()


def part_of(path: Path) -> tuple[Path, int]:
    """Make a file beside `path` to write into, locked while this process lives."""
    while True:
        part = path.with_name(f".{path.name}.{os.getpid()}-{next(COUNTER)}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if part.exists():  # nobody took it for a dead process's before the lock was on it
            return part, descriptor
        os.close(descriptor)


def clean(temps: Path) -> None:
    """Remove what killed processes left in `temps`; a living process holds a lock on its own."""
    with suppress(FileNotFoundError, PermissionError), locked(temps, fcntl.LOCK_EX):
        for path in temps.iterdir():
            with suppress(BlockingIOError), locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                remove(path)


@contextmanager
def locked(path: Path, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a folder; nothing there is fine."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_synced(descriptor: int, content: bytes) -> None:
    """Write all of `content` and wait until it is on the disk."""
    write_all(descriptor, content)
    os.fsync(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view[:BLOCK]) :]


def copy_synced(source: Path, target: Path) -> None:
    """Copy a folder's files into an existing folder and wait until all is on the disk."""
    for path in sorted(source.iterdir()):
        if path.is_dir():
            (target / path.name).mkdir()
            copy_synced(path, target / path.name)
        else:
            copy_file(path, target / path.name)
    sync(target)


def write_file(path: Path, content: bytes) -> None:
    """Write a file of a folder that nobody reads yet, and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_synced(descriptor, content)
    finally:
        os.close(descriptor)


def copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as reading:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            while block := reading.read(BLOCK):
                write_all(descriptor, block)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
