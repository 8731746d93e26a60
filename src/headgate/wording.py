"""How do numbers, moments and text from outside read? `+.010 [.002, .018]`, `28,756 rows`, one line of text."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from headgate.errors import printable

BARS = "▁▂▃▄▅▆▇█"
TITLES = {"auc": "AUC", "log_loss": "log loss", "brier": "Brier score", "rmse": "RMSE", "mae": "MAE"}


def one_line(text: str, limit: int | None = None) -> str:
    r"""Return printable text on one line; with a limit cut with an ellipsis.

    >>> one_line("a\nb \x1b[2J"), one_line("a long one", 6)
    ('a b [2J', 'a lon…')
    """
    line = " ".join(printable(text if limit is None else text[: limit * 4]).split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def shown(value: object) -> str:
    """Return a value as a message quotes it, at most 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def number(value: float | None) -> str:
    """Return a number with about three figures that matter, as `.711`.

    >>> number(0.7112), number(-0.00042), number(1234.5), number(12.0), number(0.0), number(None)
    ('.711', '-.00042', '1,234', '12.0', '0', '?')
    """
    if value is None or not math.isfinite(value):
        return "?"
    size = abs(value)
    if size == 0 or size >= 1000:
        return f"{value or 0:,.0f}"
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
    """Return an interval, or nothing without bounds.

    >>> interval(0.002, 0.018), interval(None, None)
    ('[.002, .018]', '')
    """
    return "" if low is None or high is None else f"[{number(low)}, {number(high)}]"


def percent(share: float | None) -> str:
    """Return a share in percent.

    >>> percent(0.019), percent(0.5), percent(None)
    ('1.9 %', '50 %', '?')
    """
    return "?" if share is None or not math.isfinite(share) else f"{share * 100:.3g} %"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    >>> counted(1, "day"), counted(28756, "row"), counted(2, "failed canary", "failed canaries")
    ('1 day', '28,756 rows', '2 failed canaries')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


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
    """Return a metric's name as people write it.

    >>> title("log_loss"), title("auc")
    ('log loss', 'AUC')
    """
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
