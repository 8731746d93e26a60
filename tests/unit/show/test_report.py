"""The report: one page that loads nothing, runs nothing, and is right HTML whatever the texts say."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.show.report import SECTIONS, render
from unit.show.stories import hostile, story

LARGEST_BYTES = 300_000
EMPTY = {"meta", "br", "line", "circle", "polyline", "rect", "path"}
LOADING = {"src", "srcset", "poster", "data", "action", "formaction", "background", "xlink:href"}
ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "</title></summary></details></table></svg><script>alert(1)</script>",
    "[a](javascript:alert(1)) ![b](http://evil.example/x.png)",
    "<!-- --><script>alert(1)</script>",
    "' onmouseover='alert(1)",
]


class Page(HTMLParser):
    """Reads a page strictly: every element is closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert tag in EMPTY, f"<{tag}/> is not closed by its slash"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def loads(page: Page) -> list[object]:
    """Return everything that would make a browser fetch or run something."""
    links = [one["href"] for one in page.all("a") if not str(one.get("href", "#")).startswith("#")]
    outside = [(tag, key) for tag, attributes in page.elements for key in attributes if key in LOADING]
    handlers = [(tag, key) for tag, attributes in page.elements for key in attributes if key.startswith("on")]
    running = page.tags() & {"script", "iframe", "object", "embed", "link", "img", "image", "use", "base", "form"}
    return [*links, *outside, *handlers, *running]


def test_a_full_years_report_is_small_and_right_html() -> None:
    """52 windows of 20 columns, eight long pull requests: under 300 kB, every element closed."""
    text = render(story())

    page = Page(text)

    assert len(text.encode()) < LARGEST_BYTES
    assert [] == loads(page)
    assert text.startswith("<!doctype html>")


def test_every_section_is_there_and_can_be_jumped_to() -> None:
    """Each link of the navigation has its section."""
    page = Page(render(story()))

    ids = [one["id"] for one in page.all("section")]

    assert list(SECTIONS) == ids
    assert [f"#{key}" for key in SECTIONS] == [one["href"] for one in page.all("a")]


def test_every_plot_says_what_it_shows() -> None:
    """A plot has a role and a label, and its numbers stand in a table too."""
    page = Page(render(story()))

    plots = page.all("svg")

    assert len(plots) >= 4
    assert all(one["role"] == "img" and one["aria-label"] for one in plots)
    assert len(page.all("caption")) >= len(page.all("table")) - len(story().bodies)


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_stays_text_wherever_it_stands(attack: str) -> None:
    """Model names, reasons, bodies, refs and file names cannot add an element, an attribute or an address."""
    page = Page(render(hostile(attack)))

    assert [] == loads(page)
    assert Page(render(story())).tags() >= page.tags()


def test_style_sheets_load_nothing() -> None:
    """No import and no url: the page is whole by itself."""
    style = re.findall(r"<style>(.*?)</style>", render(story()), re.DOTALL)

    assert 1 == len(style)
    assert not re.search(r"url\(|@import|https?:", style[0])


def test_a_story_that_has_just_begun_has_a_report() -> None:
    """Nothing promoted, measured or refused: every section says so, none fails."""
    empty = {"ring": {}, "frozen": {}}
    nothing = replace(
        story(), hops=(), promotions=(), refusals=(), split=(), auc=empty, rows_by_month={}, windows=(), drift=(),
        analyses=(), signals=(), bodies={}, git_log="", verdicts=(), looks=(), provenance={},
    )  # fmt: skip

    page = Page(render(nothing))

    assert len(SECTIONS) == len(page.all("section"))
    assert "No month has labelled answers yet." in page.words


def test_the_aborted_canary_shows_its_course_and_its_bounds() -> None:
    """What failed is drawn open, with the numbers that decided."""
    text = render(story())

    assert "aborted" in text
    assert "0.8 % [.002, .014]" in text
    assert "10.01%" in text


def test_a_canary_that_was_judged_once_has_no_course() -> None:
    """Its numbers are in the table; a plot of one point says nothing."""
    whole = story()
    once = replace(whole, looks=tuple({one.question: one for one in whole.looks}.values()))

    assert "at each look" in render(whole)
    assert "at each look" not in render(once)


def test_a_column_that_drifts_within_its_limit_does_so_by_its_shares() -> None:
    """A red 0.8 would contradict the caption."""
    whole = story()
    column = replace(whole.drift[0].columns[0], distance=0.08, outcome="drifted", expected=False, reason="missing 60 %")
    of_shares = replace(whole, drift=(replace(whole.drift[0], columns=(column,)),))

    (cell,) = re.findall(r'<td class="drifted"[^>]*>([^<]*)</td>', render(of_shares))

    assert "%" == cell


@given(text=st.text(max_size=40))
@settings(max_examples=25, deadline=None)
def test_any_text_makes_right_html(text: str) -> None:
    """Whatever a reason says, the page stays balanced and loads nothing."""
    page = Page(render(replace(story(), provenance={text: text}, bodies={"1": text}, git_log=text, drift=())))

    assert [] == loads(page)


def test_pull_requests_of_the_largest_size_do_not_make_the_page_large() -> None:
    """The newest are shown whole; for the others the page says how to read them."""
    long = "- a line of evidence\n" * 2700
    text = render(replace(story(), bodies={str(number): long for number in range(1, 13)}))

    page = Page(text)

    assert len(text.encode()) < LARGEST_BYTES + 50_000
    assert "headgate pr show 1" in page.words
    assert "headgate pr show 12" not in page.words
