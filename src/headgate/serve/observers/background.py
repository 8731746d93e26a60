"""Work that no answer waits for: one thread, batches, pauses between its parts so that requests go first."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from headgate.models.loading import Predictions
from headgate.serve.door.admission import Admitted

INTERVAL_SECONDS = 0.5
"""Few large batches disturb fewer requests than many small ones."""


class Observer(Protocol):
    """Sees every answered request; what it does with it comes later, in `fold`."""

    def offer(self, rows: Admitted, scores: Predictions) -> None:
        """Take note of an answer: at once, without failing, in bounded memory."""

    def pass_by(self, rows: int) -> None:
        """Take note of rows that another model answered."""

    def fold(self, pause: Callable[[], None]) -> None:
        """Work off what was noted; `pause()` lets requests go first."""


def pause() -> None:
    """Give the interpreter to whoever waits for it."""
    time.sleep(0)


class Background:
    """Folds observers twice a second; what one raises ends nothing, and is said once."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self.observers = tuple(observers)
        self.said: set[str] = set()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, name="background", daemon=True)
        if self.observers:
            self.thread.start()

    def run(self) -> None:
        while not self.ending.wait(INTERVAL_SECONDS):
            self.fold()

    def fold(self) -> None:
        """Work off what every observer has noted."""
        for observer in self.observers:
            try:
                observer.fold(pause)
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
