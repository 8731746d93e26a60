"""The two roots every error of Headgate grows from: retry helps, or it does not."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
PASSING = {errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE}


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
        for line in self.lines()[1:]:
            self.add_note(line)  # for whoever meets it in a notebook

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


@contextmanager
def speaking(doing: str) -> Iterator[None]:
    """Turn the operating system's errors into Headgate's: a full disk is named, a passing trouble may be retried."""
    try:
        yield
    except OSError as err:
        raise spoken(doing, err) from err


def spoken(doing: str, err: OSError) -> HeadgateError:
    """Return what the operating system said while something was done."""
    reason = (err.strerror or str(err)).lower()
    if err.errno in NO_ROOM:
        return disk_full(doing, reason)
    if err.errno in PASSING:
        return TransientError(f"cannot {doing}: {reason}")
    return PermanentError(f"cannot {doing}: {reason}", found=err.filename and str(err.filename))


def disk_full(doing: str, reason: str) -> PermanentError:
    """Return the error of every writer without room: permanent, because a retry finds the same volume as full."""
    return PermanentError(f"cannot {doing}: disk full ({reason})", next_step="free some space, then run again")
