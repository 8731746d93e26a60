"""Text from outside cannot become markup, a link, or a call to a person."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.propose.words import code, escape, table
from headgate.wording import interval, number, one_line, signed, sparkline


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "[click](http://evil)",
        "![x](http://evil/p.png)",
        "**bold** _em_ ~~no~~ `code`",
        "a | b\n| c |",
        "<!-- headgate model=" + "a" * 64 + " -->",
        "@everyone see #12 and GH-12 at https://evil and www.evil.com",
        "line\r\n\r\n## heading",
        "\u202eright to left\u0000\x1b[31m",
        "&lt;b&gt;",
    ],
)
def test_hostile_text_is_one_inert_line(hostile: str) -> None:
    """In prose and in code."""
    for inert in (escape(hostile), code(hostile)):
        assert "\n" not in inert
        assert "\u202e" not in inert
        assert "\x00" not in inert
    plain = escape(hostile)
    assert not re.search(r"(?<!\\)[<|`*\[\]_&!~]", plain)
    assert not re.search(r"[@#]\w", plain)
    assert not re.search(r"://|www\.|GH-", plain)
    assert not re.search(r"[`|]", code(hostile)[1:-1])


@given(st.text(max_size=2000), st.integers(1, 200))
def test_text_is_cut_to_its_limit(text: str, limit: int) -> None:
    """A cell stays a cell."""
    assert len(one_line(text, limit)) <= limit
    assert one_line(text, limit).isprintable()
    assert len(escape(text, limit)) <= 2 * limit + limit


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_can_be_written(value: float) -> None:
    """NaN and infinity are question marks, and signs agree."""
    assert number(value)
    assert number(value) == "?" or number(value).startswith("-") == (value < 0 and number(value) != "0") or value == 0
    assert signed(value).count("+") <= 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.9996, "1.000"), (0.0004, ".00040"), (-0.0099, "-.010"), (0.0, "0"), (12.34, "12.3"), (123456.0, "123,456")],
)
def test_numbers_have_about_three_figures(value: float, expected: str) -> None:
    """Without a leading zero, as in the tables."""
    assert number(value) == expected


def test_an_interval_without_bounds_is_nothing() -> None:
    """Not `[?, ?]`."""
    assert interval(None, 0.1) == ""
    assert interval(0.002, 0.018) == "[.002, .018]"


def test_a_plot_keeps_gaps_and_scale() -> None:
    """Two series plotted with one top compare by eye."""
    assert sparkline([0.0, 0.5, None, 1.0]) == "▁▄ █"
    assert sparkline([0.1, 0.1], top=1.0) == "▁▁"
    assert sparkline([]) == ""
    assert sparkline([0.0, 0.0]) == "▁▁"
    assert sparkline([float("nan"), float("inf"), -1.0, 1.0]) == "  ▁█"


def test_a_table_without_rows_is_not_there() -> None:
    """No heads over nothing."""
    assert table(("a", "b"), []) == []
    assert table(("a", "b"), [("1", "2")]) == ["| a | b |", "|---|---|", "| 1 | 2 |"]
