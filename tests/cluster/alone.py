"""Lets one process at a time do a thing that two would spoil."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.pins import cache


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Wait until nobody else on this machine does it; a process that dies lets go."""
    folder = cache() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / what).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
