"""What an operator reads of errors: each once."""

import sys

MOST_SAID = 100
"""Distinct errors written to stderr; a counter has the rest."""


class Said:
    """Writes errors to stderr, each the first time it happens."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    def say(self, err: Exception) -> None:
        """Write an error that was not said yet."""
        text = "; ".join([f"{type(err).__name__}: {err}", *getattr(err, "lines", list)()[1:]])
        if text not in self.known and len(self.known) < MOST_SAID:
            self.known.add(text)
            sys.stderr.write(f"error while answering: {text}\n")
