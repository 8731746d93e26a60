"""Work that no answer waits for: one thread of the lowest priority, small steps, and rests between them."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from headgate.models.loading import Predictions
from headgate.serve.door.admission import Admitted

INTERVAL_SECONDS = 0.25
"""What waits stays small, and a server that nobody asks hardly wakes."""
STEP_SECONDS = 0.000_05
"""Who asks meanwhile waits for Python's lock about this long."""
REST_SECONDS = 0.000_2
"""A real sleep: a lock that is given back and taken again at once reaches nobody."""
LOWEST = 19


class Observer(Protocol):
    """Sees every answered request; what it does with it comes later, in `fold`."""

    def offer(self, rows: Admitted, scores: Predictions) -> None:
        """Take note of an answer: at once, without failing, in bounded memory."""

    def pass_by(self, rows: int) -> None:
        """Take note of rows that another model answered."""

    def fold(self, pause: Callable[[], None]) -> None:
        """Work off what was noted; `pause()`, after every small step, lets requests go first."""


class Pause:
    """Rests once the steps since the last rest took long enough to be noticed."""

    def __init__(self) -> None:
        self.since = time.perf_counter()

    def __call__(self) -> None:
        """Give the interpreter to whoever waits for it."""
        if time.perf_counter() - self.since > STEP_SECONDS:
            time.sleep(REST_SECONDS)
            self.since = time.perf_counter()


class Background:
    """Folds observers four times a second; what one raises ends nothing, and is said once."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self.observers = tuple(observers)
        self.said: set[str] = set()
        self.pause = Pause()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, name="background", daemon=True)
        if self.observers:
            self.thread.start()

    def run(self) -> None:
        step_back()
        while not self.ending.wait(INTERVAL_SECONDS):
            self.fold()

    def fold(self) -> None:
        """Work off what every observer has noted."""
        for observer in self.observers:
            try:
                observer.fold(self.pause)
            except Exception as err:  # noqa: BLE001 - answers go on without it
                self.say(f"{type(observer).__name__.lower()}: {type(err).__name__}: {str(err)[:300]}")

    def say(self, text: str) -> None:
        if text not in self.said and len(self.said) < 20:
            self.said.add(text)
            sys.stderr.write(f"{text}; answers go on without it\n")

    def stop(self) -> None:
        """Work off what is left, and end."""
        self.ending.set()
        if self.thread.is_alive():
            self.thread.join()
        self.fold()


def step_back() -> None:
    """Let every other thread go first, where the system knows priorities of threads.

    Among equals a processor changes hands every few milliseconds: an answer that finds it taken waits so long.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
