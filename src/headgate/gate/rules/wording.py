"""Numbers as people read them: `+.010 [.002, .018]`."""

import math


def plain(value: float | None) -> str:
    """Return a number with about three figures that matter.

    >>> plain(0.7112), plain(-0.00042), plain(1234.5), plain(12.0), plain(0.0), plain(None)
    ('.711', '-.00042', '1,234', '12.0', '0', '?')
    """
    if value is None or not math.isfinite(value):
        return "?"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    decimals = max(3 - math.floor(math.log10(size)) - 1, 0) if size >= 1 else 3 if size >= 0.0005 else small(size)
    return unzero(f"{value:.{decimals}f}")


def small(size: float) -> int:
    return min(1 - math.floor(math.log10(size)), 12)


def unzero(text: str) -> str:
    sign = text[0] if text[0] in "+-" else ""
    digits = text.removeprefix(sign)
    return sign + (digits[1:] if digits.startswith("0.") else digits)


def signed(value: float | None) -> str:
    """Return the same with a plus where it is positive.

    >>> signed(0.01), signed(-0.004), signed(0.0)
    ('+.010', '-.004', '0')
    """
    return f"+{plain(value)}" if value is not None and value > 0 else plain(value)


def span(low: float | None, high: float | None) -> str:
    """Return an interval.

    >>> span(0.002, 0.018)
    '[.002, .018]'
    """
    return f"[{plain(low)}, {plain(high)}]"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "day"), counted(28756, "row")
    ('1 day', '28,756 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
