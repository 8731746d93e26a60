"""Pull request bodies as HTML: the subset that Headgate writes, and text for everything else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.propose.words import code, escape, table
from headgate.show.page.markdown import html

TAGS = {"p", "br", "strong", "em", "code", "pre", "ul", "li", "div", "table", "thead", "tbody", "tr", "th", "td"}
TAGS |= {"details", "summary", "h4", "h5", "h6"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## Why", "<h5>Why</h5>"),
        ("one\ntwo", "<p>one<br/>two</p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("**a `b` c**", "<p><strong>a <code>b</code> c</strong></p>"),
        ("*Cut here*", "<p><em>Cut here</em></p>"),
        (r"log\_loss \<b\>", "<p>log_loss &lt;b&gt;</p>"),
        ("`a<b`", "<p><code>a&lt;b</code></p>"),
        ("[diff](https://x.example)", "<p>diff (https://x.example)</p>"),
        ("<!-- hidden -->", ""),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("<b>bold</b>", "<p>&lt;b&gt;bold&lt;/b&gt;</p>"),
    ],
)
def test_each_form_has_its_element(text: str, expected: str) -> None:
    """Headings, lists, emphasis, code, escapes; links become text and raw HTML stays visible."""
    assert expected == html(text)


def test_a_table_keeps_escaped_bars_in_their_cells() -> None:
    """What `words.table` writes is what is read."""
    text = "\n".join(table(("a", "b"), [(escape("x|y"), ""), (code("p|q"), "3")]))

    found = html(text)

    assert 2 == found.count("<th ")
    assert "<td>x|y</td><td></td>" in found
    assert "<td><code>p¦q</code></td><td>3</td>" in found


def test_folded_parts_stay_folded_and_closed() -> None:
    """A details block holds its blocks; one that is never ended ends with the text."""
    found = html("<details><summary>More</summary>\n\n- a\n</details>\n\nafter")
    unended = html("<details><summary>More</summary>\n\n- a")

    assert "<details><summary>More</summary><ul><li>a</li></ul></details><p>after</p>" == found
    assert "<details><summary>More</summary><ul><li>a</li></ul></details>" == unended


def test_a_fence_shows_its_lines_as_they_are() -> None:
    """Nothing in a code block is marked up, and an open one ends with the text."""
    assert '<pre tabindex="0"><code>**a** &lt;b&gt;</code></pre>' == html("```yaml\n**a** <b>\n```")
    assert '<pre tabindex="0"><code>a</code></pre>' == html("```\na")


@given(st.text(alphabet=st.sampled_from(list("ab|`*_\\[]()<>!#-\n &\"'/=de")), max_size=80))
def test_any_text_yields_only_known_elements_without_addresses(text: str) -> None:
    """No element, attribute or address but ours; every element is closed."""
    found = html(text)

    opened = re.findall(r"<([a-z0-9]+)((?: [a-z]+=\"[a-z0-9]*\")*)(/?)>", found)
    closed = re.findall(r"</([a-z0-9]+)>", found)
    assert {name for name, _, _ in opened} <= TAGS
    assert sorted(name for name, _, slash in opened if not slash) == sorted(closed)
    assert len(opened) + len(closed) == found.count("<")


@given(st.text(max_size=60))
def test_escaped_text_comes_back_as_its_letters(text: str) -> None:
    """What the propose room escapes is shown as it was, but for the spaces it adds on purpose."""
    shown = re.sub(r"<[^>]+>", "", html(f"- {escape(text)}."))

    assert shown.endswith(".")
    assert "\\" not in shown or "\\" in text
