"""Waits on conditions, and says what it waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait(find: Callable[[], T | None], what: str, seconds: float, look: Callable[[], str] = lambda: "") -> T:
    """Return what `find` finds, asking twice a second; what to look at is in the error."""
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}\n{look()}")
        time.sleep(0.5)
