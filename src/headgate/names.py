"""Strings that must not mix: each has a type, and each is checked once, at the edge."""

import difflib
import re
from collections.abc import Iterable
from typing import Annotated, NewType

from msgspec import Meta

from headgate.errors import PermanentError

NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?\Z"
DIGEST_PATTERN = r"^[0-9a-f]{64}\Z"
COMMIT_PATTERN = r"^[0-9a-f]{40}\Z"
RUN_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""A run's name becomes a folder's, and a word in MLflow's queries."""

Name = NewType("Name", str)
"""A DNS-1123 label with a leading letter, at most 40 characters: `isvc.<name>-predictor` must fit 63."""

Digest = NewType("Digest", str)
"""A sha256 in lower-case hex, 64 characters."""

Commit = NewType("Commit", str)
"""A Git commit id in lower-case hex, 40 characters."""

Uri = NewType("Uri", str)
"""Where a Store keeps something, relative to the store: `models/<service>/<sha256>`."""

NameField = Annotated[Name, Meta(pattern=NAME_PATTERN)]
DigestField = Annotated[Digest, Meta(pattern=DIGEST_PATTERN)]
CommitField = Annotated[Commit, Meta(pattern=COMMIT_PATTERN)]


def name(text: str, what: str = "name") -> Name:
    """Return `text` as a Name, or refuse it.

    >>> name("flights")
    'flights'
    """
    if not re.fullmatch(NAME_PATTERN, text):
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise PermanentError(
            f"{what} {shown!r} is not a name",
            next_step="use lower-case letters, digits and '-', first a letter, at most 40 characters",
        )
    return Name(text)


def run_name(text: str) -> str:
    """Return `text` as a run's name, or refuse it.

    >>> run_name("ct-flights-0a59c87ca54d")
    'ct-flights-0a59c87ca54d'
    """
    if not re.fullmatch(RUN_PATTERN, text):
        raise PermanentError(
            f"{text[:60]!r} is no name for a run", next_step="use letters, digits, '.', '_' and '-', at most 100"
        )
    return text


def digest(text: str) -> Digest:
    """Return `text` as a Digest, or refuse it."""
    if not re.fullmatch(DIGEST_PATTERN, text):
        raise PermanentError(f"{text[:70]!r} is not a sha256", next_step="give all 64 hexadecimal characters")
    return Digest(text)


def short(whole: str) -> str:
    """Return the first 12 characters, the form people see.

    >>> short("9be2f7" + "0" * 58)
    '9be2f7000000'
    """
    return whole[:12]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest known word, or nothing.

    >>> did_you_mean("dep_hour", ["hour", "minute"])
    " Did you mean 'hour'?"
    """
    words = list(known)
    same = [one for one in words if one.lower() == word.lower()]
    close = same or difflib.get_close_matches(word, words, n=1, cutoff=0.65)
    return f" Did you mean {close[0]!r}?" if close else ""
