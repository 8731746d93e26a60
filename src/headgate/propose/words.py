"""Text from outside and numbers, as Markdown that can neither link, mention nor break out of its cell."""

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

SPECIAL = re.compile(r"([\\`*_\[\]{}<|~&!$])")
BROKEN = "\u200b"
"""A zero-width space: it parts `@` from a name, so that nobody is called."""
BARS = "▁▂▃▄▅▆▇█"
TITLES = {"auc": "AUC", "log_loss": "log loss", "brier": "Brier score", "rmse": "RMSE", "mae": "MAE"}


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


def one_line(text: str, limit: int) -> str:
    """Return printable text on one line, cut with an ellipsis."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: limit * 4]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def number(value: float | None) -> str:
    """Return a number with about three figures that matter, as `.711`.

    >>> number(0.7112), number(-0.00042), number(1234.5), number(12.0), number(None)
    ('.711', '-.00042', '1,234', '12.0', '?')
    """
    if value is None or not math.isfinite(value):
        return "?"
    size = abs(value)
    if size == 0 or size >= 1000:
        return f"{value:,.0f}"
    figures = math.floor(math.log10(size))
    decimals = max(2 - figures, 0) if figures >= 0 else 3 if size >= 0.0005 else min(1 - figures, 12)
    return f"{value:.{decimals}f}".replace("0.", ".", 1) if size < 1 else f"{value:.{decimals}f}"


def signed(value: float | None) -> str:
    """Return a difference: `+.010`.

    >>> signed(0.01), signed(-0.004), signed(0.0)
    ('+.010', '-.004', '0')
    """
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def interval(low: float | None, high: float | None) -> str:
    """Return `[.002, .018]`, or nothing without bounds."""
    return "" if low is None or high is None else f"[{number(low)}, {number(high)}]"


def percent(share: float | None) -> str:
    """Return a share in percent.

    >>> percent(0.019), percent(0.5), percent(None)
    ('1.9 %', '50 %', '?')
    """
    return "?" if share is None or not math.isfinite(share) else f"{share * 100:.3g} %"


def day(moment: datetime | None) -> str:
    """Return a moment's date, with its hour when that is not midnight.

    >>> day(datetime(2013, 8, 1)), day(datetime(2013, 8, 1, 6)), day(None)
    ('2013-08-01', '2013-08-01 06:00', '-')
    """
    if moment is None:
        return "-"
    return f"{moment:%Y-%m-%d}" if (moment.hour, moment.minute) == (0, 0) else f"{moment:%Y-%m-%d %H:%M}"


def length(span: timedelta) -> str:
    """Return how long, as people say it.

    >>> length(timedelta(minutes=5)), length(timedelta(seconds=2)), length(timedelta(days=61))
    ('5 min', '2 s', '61 days')
    """
    for size, word in ((86_400, "days"), (3600, "h"), (60, "min")):
        if span.total_seconds() >= 2 * size:
            return f"{span.total_seconds() / size:.3g} {word}"
    return f"{span.total_seconds():.3g} s"


def title(metric: str) -> str:
    """Return a metric's name as people write it."""
    return TITLES.get(metric, metric.replace("_", " "))


def sparkline(values: Sequence[float | None], top: float | None = None) -> str:
    """Return a plot of one line of text; a gap is a space.

    >>> sparkline([0, 1, None, 2])
    '▁▄ █'
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    most = max([*known, top or 0.0], default=0.0) or 1.0
    steps = len(BARS) - 1
    return "".join(
        " " if value is None or not math.isfinite(value) else BARS[min(int(max(value, 0.0) / most * steps), steps)]
        for value in values
    )


def row(*cells: str) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table's lines, none without rows."""
    return [row(*heads), "|" + "---|" * len(heads), *(row(*cells) for cells in rows)] if rows else []
