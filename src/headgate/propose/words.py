"""Text from outside, as Markdown that can neither link, mention nor break out of its cell."""

import re
from collections.abc import Sequence

from headgate.wording import one_line

SPECIAL = re.compile(r"([\\`*_\[\]{}<|~&!$])")
BROKEN = "\u200b"
"""A zero-width space: it parts `@` from a name, so that nobody is called."""


def escape(text: str, limit: int = 300) -> str:
    r"""Return text from outside as one inert line.

    >>> print(escape("<b>|*x*"))
    \<b>\|\*x\*
    """
    marked = SPECIAL.sub(r"\\\1", one_line(text, limit))
    parted = re.sub(r"([@#])", rf"\1{BROKEN}", marked)
    return re.sub(r"(?i)(://|\bwww\.|\bGH-)", lambda match: f"{match[1][0]}{BROKEN}{match[1][1:]}", parted)


def code(text: str, limit: int = 120) -> str:
    """Return text from outside as a code span, in which nothing is marked up.

    >>> code("a|b`c")
    "`a¦b'c`"
    """
    inert = one_line(text, limit).replace("`", "'").replace("|", "¦")
    return f"`{inert or ' '}`"


def row(*cells: str) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table's lines, none without rows."""
    return [row(*heads), "|" + "---|" * len(heads), *(row(*cells) for cells in rows)] if rows else []
