"""The demo as it happens: lines anywhere, moving lines only where a person looks at a terminal."""

import io
import os
import pty
from collections.abc import Iterator
from datetime import timedelta
from typing import TextIO

import pytest
from rich.console import Console

from headgate.show.timeline import Glimpse, Timeline, WindowGlimpse, furthest, line, moving, standing, times
from unit.show.stories import START, drift, hops, point


def glimpse(**changes: object) -> Glimpse:
    """Return a moment in the middle of a canary."""
    facts = {
        "start": START,
        "now": START + timedelta(days=30),
        "end": START + timedelta(days=120),
        "seconds": 12.3,
        "canary": "ce787b92350f",
        "weight": 25,
        "sent": 4812,
        "rows": 88_201,
        "failed": 0,
    }
    return Glimpse(**(facts | changes))  # type: ignore[arg-type]


def printed(moment: Glimpse) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(standing(moment))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    """Yield a real pseudo-terminal to write to."""
    main, other = pty.openpty()
    with open(other, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
        yield file
    os.close(main)


def test_off_a_terminal_there_is_one_line_a_hop_and_nothing_moves() -> None:
    """A log gets whole lines, without a control character, however long they are."""
    file = io.StringIO()
    told = hops(("gate", "fail", "a long reason " * 30), ("live", "promoted", "line one\nline two\x1b[31m"))

    with Timeline(glimpse, Console(file=file, width=80)) as timeline:
        for hop in told:
            timeline.show(hop)

    lines = file.getvalue().splitlines()
    assert 2 == len(lines)
    assert lines[0].endswith("a long reason")
    assert "line one line two" in lines[1]
    assert "\x1b" not in file.getvalue()


def test_colour_that_is_forced_does_not_make_a_log_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR in a build colours lines; it must not start a display."""
    monkeypatch.setenv("FORCE_COLOR", "1")

    console = Console(file=io.StringIO())

    assert console.is_terminal
    assert not moving(console)


def test_a_terminal_moves_unless_it_is_a_build_or_dumb(terminal: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI and TERM=dumb get plain lines even on a terminal."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert moving(Console(file=terminal))

    monkeypatch.setenv("CI", "true")
    assert not moving(Console(file=terminal))

    monkeypatch.delenv("CI")
    monkeypatch.setenv("TERM", "dumb")
    assert not moving(Console(file=terminal))


def test_the_moving_lines_say_where_things_stand() -> None:
    """Event time, share, traffic, requests, the newest window beside the gate, drift."""
    seen = WindowGlimpse(model="ce787b92350f", metric=point(3, "auc"), drift=drift(3))

    text = printed(glimpse(window=seen, doing="train"))

    assert "2013-01-31" in text
    assert "25%  12 s  running train" in text
    assert "canary ce787b92350f 25 %  stable 75 %" in text
    assert 10 == text.count("▓")
    assert "4,812 sent, 88,201 rows" in text
    assert "AUC .730 [.650, .800]" in text
    assert ".720 at the gate" in text


def test_the_beginning_and_the_end_stay_within_the_bar() -> None:
    """Before the first window there is none to show; time past the end is the end."""
    early, late = glimpse(now=START - timedelta(days=9)), glimpse(now=START + timedelta(days=999))

    assert (0.0, 1.0) == (early.share, late.share)
    assert 0.0 == glimpse(end=START).share
    assert "window" not in printed(early)


def test_nothing_is_lost_when_the_display_stops_twice(terminal: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the story stops it, and so does leaving it."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    with Timeline(glimpse, Console(file=terminal)) as timeline:
        assert timeline.live is not None
        timeline.stop()
        timeline.show(hops(("gate", "pass", "after the display"))[0])

    assert timeline.live is None


def test_a_detail_is_text_and_never_markup() -> None:
    """Square brackets of a reason are shown, not obeyed."""
    shown = line(hops(("gate", "pass", "[red]AUC[/red] [.1, .2]"))[0])

    assert "[red]AUC[/red] [.1, .2]" in shown.plain


def test_the_furthest_column_is_one_that_counts() -> None:
    """A calendar column is expected to move; a limit of its own scales each distance."""
    report = drift(3)

    worst = furthest(report)

    assert worst is not None
    assert not worst.expected
    assert times(worst) == pytest.approx(0.25 / 0.12)
