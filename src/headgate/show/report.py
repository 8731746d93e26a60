"""A story as one page: self-contained, nothing is loaded from anywhere, all text from outside is escaped."""

from collections.abc import Callable
from importlib.resources import files

from headgate.records.story import Story
from headgate.show.page import decisions, overview, weeks
from headgate.show.page.markup import Markup, element, joined

SECTIONS: dict[str, tuple[str, tuple[Callable[[Story], Markup], ...]]] = {
    "happened": ("What happened", (overview.happened,)),
    "months": ("Served beside frozen", (overview.months,)),
    "weeks": ("Week by week", (weeks.performance, weeks.signals)),
    "drift": ("Drift", (weeks.drift,)),
    "canaries": ("Canaries", (decisions.canaries,)),
    "verdicts": ("Verdicts", (decisions.verdicts,)),
    "refusals": ("Refused", (decisions.refusals,)),
    "pulls": ("Pull requests", (decisions.bodies,)),
    "git": ("The env repo", (decisions.git,)),
    "requests": ("Requests", (overview.requests,)),
    "provenance": ("Provenance", (overview.provenance,)),
}
"""Id → heading and parts, in reading order."""


def render(story: Story) -> str:
    """Return the report: one self-contained HTML page."""
    name = f"{story.service} in {story.environment}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        element("title", f"{name}: Headgate"),
        element("style", Markup(files("headgate.show.page").joinpath("style.css").read_text(encoding="utf-8"))),
    )
    body = element("body", header(story, name), element("main", *(section(story, key) for key in SECTIONS)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def header(story: Story, name: str) -> Markup:
    """Return the title, the story in a sentence, its numbers, and where to find the rest."""
    links = (element("a", heading, href=f"#{key}") for key, (heading, _) in SECTIONS.items())
    return element(
        "header",
        element("p", "Headgate", class_="mark"),
        element("h1", name, span(story)),
        overview.summary(story),
        overview.figures(story),
        element("nav", *links, aria_label="Sections"),
    )


def span(story: Story) -> Markup:
    """Return the event time that the story covers."""
    if not story.hops:
        return Markup("")
    first = story.hops[0].event_time
    last = max([*(hop.event_time for hop in story.hops), *(one.end for one in story.windows)])
    return element("small", f"{first:%d %b %Y} to {last:%d %b %Y}")


def section(story: Story, key: str) -> Markup:
    heading, parts = SECTIONS[key]
    return element("section", element("h2", heading), joined(part(story) for part in parts), id=key)
