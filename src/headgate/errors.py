"""The two roots every error of Headgate grows from: retry helps, or it does not."""

from typing import ClassVar


class HeadgateError(Exception):
    """An expected failure that says what happened, why, and what to do next.

    `found` and `next_step` are printed on lines of their own under the message (docs/errors.md).
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, found: str | None = None, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.found = found
        self.next_step = next_step

    def lines(self) -> list[str]:
        """Return what a person reads, first line first; nothing in it can steer a terminal."""
        extra = [f"found: {self.found}"] if self.found else []
        extra += [f"next: {self.next_step}"] if self.next_step else []
        return [printable(line) for line in (self.message, *extra)]


def printable(text: str) -> str:
    r"""Return text from outside without control characters; its lines and tabs stay.

    >>> printable("found: \x1b[2Jcolumn")
    'found:  [2Jcolumn'
    """
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)


class PermanentError(HeadgateError):
    """The same command with the same inputs fails again: exit 1."""


class UsageError(HeadgateError):
    """The command itself was wrong: exit 2."""

    exit_code: ClassVar[int] = 2


class TransientError(HeadgateError):
    """The same command may succeed later: exit 75, the only code an engine retries."""

    exit_code: ClassVar[int] = 75


class MovedError(TransientError):
    """A Git reference is no longer where the caller last saw it; read again, then retry."""
