"""The part of Markdown that pull requests of Headgate are written in, as HTML; whatever else it meets is text."""

import re
from collections.abc import Iterator, Sequence

from headgate.show.page.markup import Markup, element, joined

HEADING = re.compile(r"(#{1,6}) +(.*)")
RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+\s*")
SUMMARY = re.compile(r"<details><summary>([^<>]*)</summary>")
COMMENT = re.compile(r"<!--(?:(?!-->).)*-->\s*")
CELL = re.compile(r"((?:\\.|[^\\|])*)\|")
INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>(?:\\.|[^*\\])+)\*\*"
    r"|\*(?P<em>(?:\\.|[^*\\\s])(?:\\.|[^*\\])*)\*"
    r"|!?\[(?P<text>(?:\\.|[^\]\\])*)\]\((?P<link>[^()\s]*)\)"
)
LEVEL = 3
"""Headings go down by this many levels: they stand inside a section of the report."""
DEEPEST = 6


def html(text: str) -> Markup:
    """Return Markdown as HTML without links, images, scripts or attributes.

    >>> html("**a** <b>")
    '<p><strong>a</strong> &lt;b&gt;</p>'
    """
    return joined(Blocks(text.splitlines()).read())


class Blocks:
    """Reads lines as blocks."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.at = 0

    def read(self, *, inside: bool = False) -> Iterator[Markup]:
        """Yield each block up to the end, or to the `</details>` of the one we are inside."""
        while self.at < len(self.lines):
            line = self.lines[self.at].strip()
            if line == "</details>" and inside:
                self.at += 1
                return
            yield from self.block(line)

    def block(self, line: str) -> Iterator[Markup]:
        if not line or COMMENT.fullmatch(line):
            self.at += 1
        elif line.startswith("```"):
            yield self.fence()
        elif heading := HEADING.fullmatch(line):
            self.at += 1
            level = min(len(heading[1]) + LEVEL, DEEPEST)
            yield element(f"h{level}", inline(heading[2]))
        elif found := SUMMARY.fullmatch(line):
            self.at += 1
            yield element("details", element("summary", inline(found[1])), *self.read(inside=True))
        elif line.startswith("|") and RULE.fullmatch(self.line(1)):
            yield self.table()
        elif line.startswith("- "):
            yield element("ul", *(element("li", inline(one[2:])) for one in self.taken("- ")))
        else:
            yield self.paragraph()

    def line(self, ahead: int) -> str:
        return self.lines[self.at + ahead].strip() if self.at + ahead < len(self.lines) else ""

    def taken(self, start: str) -> Iterator[str]:
        """Yield the lines from here on that begin with `start`."""
        while self.line(0).startswith(start):
            self.at += 1
            yield self.line(-1)

    def fence(self) -> Markup:
        self.at += 1
        kept = []
        while self.at < len(self.lines) and not self.lines[self.at].startswith("```"):
            kept.append(self.lines[self.at])
            self.at += 1
        self.at += 1
        return element("pre", element("code", "\n".join(kept)), tabindex="0")

    def table(self) -> Markup:
        heads = cells(self.line(0))
        self.at += 2
        rows = [element("tr", *(element("td", inline(one)) for one in cells(row))) for row in self.taken("|")]
        head = element("thead", element("tr", *(element("th", inline(one), scope="col") for one in heads)))
        return element("div", element("table", head, element("tbody", *rows)), class_="wide", tabindex="0")

    def paragraph(self) -> Markup:
        kept = [inline(self.line(0))]
        self.at += 1
        while self.line(0) and not starts_block(self.line(0)):
            kept += [element("br"), inline(self.line(0))]
            self.at += 1
        return element("p", *kept)


def starts_block(line: str) -> bool:
    starts = ("```", "|", "- ", "</details>")
    return line.startswith(starts) or any(one.fullmatch(line) for one in (HEADING, SUMMARY, COMMENT))


def cells(row: str) -> list[str]:
    r"""Return the cells of a table's row; an escaped bar belongs to its cell.

    >>> cells(r"| a | b\|c |  |")
    ['a', 'b\\|c', '']
    """
    whole = row.strip().removeprefix("|")
    return [cell.strip() for cell in CELL.findall(whole if whole.endswith("|") else f"{whole}|")]


def inline(text: str) -> Markup:
    """Return one line's emphasis and code; a link is its text, followed by its address as text."""
    parts: list[str] = []
    end = 0
    for found in INLINE.finditer(text):
        parts.append(text[end : found.start()])
        parts.append(span(found))
        end = found.end()
    return joined([*parts, text[end:]])


def span(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "escaped":
            return found["escaped"]
        case "code":
            return element("code", found["code"])
        case "strong":
            return element("strong", inline(found["strong"]))
        case "em":
            return element("em", inline(found["em"]))
        case _:
            return joined([inline(found["text"]), f" ({found['link']})" if found["link"] else ""])
