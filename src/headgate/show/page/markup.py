"""HTML and SVG that cannot be broken into: text is escaped, only what was built here is markup."""

import html
import math
from collections.abc import Iterable, Sequence

VOID = frozenset({"br", "meta", "line", "circle", "path", "rect", "polyline", "polygon", "col"})
"""Elements without an end tag."""


class Markup(str):
    """Text that is markup already, because it was built by this module."""

    __slots__ = ()


Child = str | int | float | Markup | None
Value = str | float | bool | None


def element(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """Return an element; text among the children and attributes is escaped, None is left out.

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    given = "".join(attribute(key, value) for key, value in attributes.items())
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{inside}</{name}>")


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
    """Return a table in a box that scrolls on its own; cells that begin with a digit or a sign stand on the right."""
    head = element("tr", *(element("th", one, scope="col") for one in heads))
    body = [element("tr", *(cell(one, first=at == 0) for at, one in enumerate(row))) for row in rows]
    inside = [element("caption", caption), element("thead", head), element("tbody", *body)]
    return scrolling(element("table", *inside, class_=class_), caption)


def cell(content: Child, *, first: bool) -> Markup:
    if first:
        return element("th", content, scope="row")
    plain = shown(content) if isinstance(content, (int, float)) else str(content or "")
    numeric = not isinstance(content, Markup) and plain[:1] in "0123456789+-." and plain[1:2] != " "
    return element("td", content, class_="n" if numeric and plain else None)


def scrolling(content: Markup, label: str) -> Markup:
    """Return content in a box that scrolls sideways on a narrow screen, by keyboard too."""
    return element("div", content, class_="wide", role="region", aria_label=label, tabindex="0")


def folded(summary: Child, *content: Child, open_: bool = False) -> Markup:
    """Return content that opens with a click on its summary."""
    return element("details", element("summary", summary), *content, open=open_)
