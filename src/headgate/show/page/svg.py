"""A plot's frame: scales, grid, labels; coordinates are user units of a view box that scales with the page."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from headgate.show.page.markup import Child, Markup, element

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 26, 26
MONTHS_LABELLED = 12
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Scale(msgspec.Struct, frozen=True):
    """Values from `low` to `high` as coordinates from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return a value's coordinate; what is outside stays at the edge."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Return round values between `low` and `high`, about as many as asked.

    >>> ticks(0.61, 0.72)
    [0.62, 0.64, 0.66, 0.68, 0.7, 0.72]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    size = 10.0 ** math.floor(math.log10((high - low) / about))
    step = next(one * size for one in STEPS if one * size * about >= high - low)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(count * step, 10) for count in range(first, last + 1)]


def decimals(value: float) -> int:
    """Return how many decimals a tick's number needs."""
    return len(f"{value:.4f}".rstrip("0").partition(".")[2])


class Frame:
    """A plot with time or numbers along the bottom and numbers up the side."""

    def __init__(self, along: tuple[float, float], up: tuple[float, float], height: int = HEIGHT) -> None:
        self.height = height
        self.x = Scale(*along, LEFT, WIDTH - RIGHT)
        self.y = Scale(*up, height - BOTTOM, TOP)

    def grid(self, unit: str = "", factor: float = 1.0) -> list[Markup]:
        """Return the level lines with their numbers, `factor` times the value."""
        marks = []
        levels = ticks(self.y.low, self.y.high)
        digits = max(decimals(value * factor) for value in levels)
        for value in levels:
            y = self.y.at(value)
            marks.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
            marks.append(label(LEFT - 6, y + 4, f"{value * factor:.{digits}f}{unit}", "end"))
        return marks

    def months(self) -> list[Markup]:
        """Return the names of the months along the bottom, when x is seconds since the epoch."""
        marks = []
        for start in month_starts(self.x.low, self.x.high):
            x = self.x.at(start.timestamp())
            marks.append(
                element("line", x1=x, x2=x, y1=self.height - BOTTOM, y2=self.height - BOTTOM + 4, class_="grid")
            )
            marks.append(label(x + 3, self.height - BOTTOM + 16, f"{start:%b}"))
        return marks

    def seconds(self) -> list[Markup]:
        """Return numbers of seconds along the bottom."""
        y = self.height - BOTTOM + 16
        return [label(self.x.at(value), y, f"{value:g} s", "middle") for value in ticks(self.x.low, self.x.high, 6)]

    def mark(self, x: float, words: str) -> list[Markup]:
        """Return an upright line with its words above."""
        at = self.x.at(x)
        anchor = "end" if at > WIDTH * 0.8 else "start"
        return [
            element("line", x1=at, x2=at, y1=TOP - 8, y2=self.height - BOTTOM, class_="event"),
            label(at + (-4 if anchor == "end" else 4), TOP - 10, words, anchor, "event-word"),
        ]

    def path(self, points: Sequence[tuple[float, float]], class_: str) -> Markup:
        """Return a line through points."""
        steps = " ".join(f"{self.x.at(x):.1f},{self.y.at(y):.1f}" for x, y in points)
        return element("polyline", points=steps, class_=class_)

    def dot(self, x: float, y: float, class_: str, told: str, radius: float = 3.5) -> Markup:
        """Return a point that says what it is when it is pointed at."""
        return drawn("circle", told, cx=self.x.at(x), cy=self.y.at(y), r=radius, class_=class_)

    def picture(self, title: str, description: str, *marks: Child) -> Markup:
        """Return the plot: a title and a description for those who do not see it."""
        inside = [element("title", title), element("desc", description), *marks]
        view = f"0 0 {WIDTH} {self.height}"
        return element("svg", *inside, viewBox=view, role="img", aria_label=f"{title}. {description}", class_="plot")


def drawn(name: str, told: str, **attributes: str | float | None) -> Markup:
    """Return a shape with a title of its own."""
    return element("g", element("title", told), element(name, **attributes))


def label(x: float, y: float, words: str, anchor: str = "start", class_: str | None = None) -> Markup:
    """Return words at a place."""
    return element("text", words, x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=class_)


def month_starts(low: float, high: float) -> list[datetime]:
    """Return the first days of the months between two moments, every few months when they are many."""
    first = datetime.fromtimestamp(low, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = []
    while first.timestamp() <= high:
        if first.timestamp() >= low:
            found.append(first)
        first = (first + timedelta(days=32)).replace(day=1)
    return found[:: 1 + (len(found) - 1) // MONTHS_LABELLED] if found else []


def room(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """Return the span of values with some room around."""
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    more = (high - low) * share or 0.01
    return low - more, high + more
