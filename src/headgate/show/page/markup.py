"""HTML and SVG that cannot be broken into: text is escaped, only what was built here is markup."""

import html
import math
import re
from collections.abc import Iterable, Sequence

VOID = frozenset({"br", "meta", "line", "circle", "path", "rect", "polyline", "polygon", "col"})
"""Elements without content; the slash ends those of SVG, HTML does not mind it."""


class Markup(str):
    """Text that is markup already, because it was built by this module."""

    __slots__ = ()


NUMBER = re.compile(r"-|[+-]?[\d,]*\.?\d+( ?%)?")

Child = str | int | float | Markup | None
Value = str | float | bool | None


def element(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """Return an element; text among the children and attributes is escaped, None is left out.

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    given = "".join(attribute(key, value) for key, value in attributes.items())
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{given}/>" if name in VOID else f"<{name}{given}>{inside}</{name}>")


def attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(shown(value))}"'


def escape(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else html.escape(shown(child), quote=False)


def shown(value: str | float) -> str:
    """Return a value as text; a coordinate has one decimal, which is finer than a pixel."""
    if isinstance(value, str) or not math.isfinite(value):
        return str(value)
    return f"{value:.1f}".removesuffix(".0")


def joined(parts: Iterable[Child], between: str = "") -> Markup:
    """Return markup made of parts, each escaped if it is text."""
    return Markup(between.join(escape(part) for part in parts))


def table(
    heads: Sequence[Child], rows: Iterable[Sequence[Child]], *, caption: str, class_: str | None = None
) -> Markup:
    """Return a table in a box that scrolls on its own; columns of numbers stand on the right."""
    lines = list(rows)
    classes = ["n" if at and all(numeric(line[at]) for line in lines) else None for at in range(len(heads))]
    head = element("tr", *(element("th", one, scope="col", class_=c) for one, c in zip(heads, classes, strict=True)))
    body = [element("tr", *map(cell, line, classes, range(len(line)))) for line in lines]
    inside = [element("caption", caption), element("thead", head), element("tbody", *body)]
    return scrolling(element("table", *inside, class_=class_), caption)


def cell(content: Child, class_: str | None, at: int) -> Markup:
    return element("td", content, class_=class_) if at else element("th", content, scope="row")


def numeric(content: Child) -> bool:
    """Say whether a cell holds a number: digits, perhaps with a sign or a unit."""
    return content is not None and NUMBER.fullmatch(shown(content)) is not None


def scrolling(content: Markup, label: str) -> Markup:
    """Return content in a box that scrolls sideways on a narrow screen, by keyboard too."""
    return element("div", content, class_="wide", role="region", aria_label=label, tabindex="0")


def folded(summary: Child, *content: Child, open_: bool = False) -> Markup:
    """Return content that opens with a click on its summary."""
    return element("details", element("summary", summary), *content, open=open_)
