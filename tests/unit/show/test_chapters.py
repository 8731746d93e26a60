"""Many hops as the few things a person would tell, and the end of the demo."""

import io

from msgspec.structs import replace
from rich.console import Console

from headgate.show.chapters import chapters
from headgate.show.ending import show, spark
from unit.show.stories import NEW, OLD, hops, story


def told(console_width: int = 160) -> str:
    """Return the end of the demo as plain text."""
    file = io.StringIO()
    show(story(), Console(file=file, width=console_width))
    return file.getvalue()


def test_a_years_hops_are_a_handful_of_chapters() -> None:
    """Each candidate with its pull request and its canary; each incident with its end."""
    found = [(one.event, [line.text for line in one.lines]) for one in chapters(story())]

    assert [
        (f"first model {OLD[:12]}", ["gate: PASS  AUC +.010 [.002, .018]   #1 merged by reviewer   live"]),
        ("auc low in 2 of 3 windows", ["auc 0.61, 0.74 at the gate   to be trained again, gate rows from 02-01"]),
        (
            f"candidate {NEW[:12]}",
            [
                "gate: PASS  AUC +.010 [.002, .018]   #2 merged by reviewer",
                "canary 10 % ▸ 25 % ▸ all   5,133 requests   live 01-11",
            ],
        ),
        (
            "other serving settings",
            [
                "#3 merged by operator: faults: {delay_ms: 400}",
                "canary 10 %: 4 of 4 answers were slower than the limit ▸ traffic back 1.5 s after it began",
                "revert #4 opened after 1.0 s   merged by rule",
            ],
        ),
        ("the same settings again", ["refused: {delay_ms: 400}: banned with these settings"]),
        ("poisoned data", ["validate: FAIL  distance is text"]),
    ] == found


def test_a_refused_candidate_is_said_to_be_not_proposed() -> None:
    """The reason stands beside the verdict, in the tone of a no."""
    failed = replace(story(), hops=hops(("gate", "fail", f"{NEW[:12]}: gain auc: a tie keeps the champion")))

    (only,) = chapters(failed)

    assert "gate: FAIL  gain auc: a tie keeps the champion: not proposed" == only.lines[0].text
    assert "bad" == only.lines[0].tone


def test_hops_out_of_order_or_unknown_are_told_all_the_same() -> None:
    """A story that begins in the middle, or with a word of tomorrow, loses nothing."""
    odd = hops(
        ("merge", "merged", "#1 by reviewer"), ("canary", "withdrawn", "why"), ("tide", "rises", "slowly"),
        ("live", "promoted", f"{NEW[:12]}: all steps passed"), ("abort", "fail", "late"),
    )  # fmt: skip

    text = " ".join(line.text for one in chapters(replace(story(), hops=odd)) for line in one.lines)

    assert all(word in text for word in ("merged by reviewer", "withdrawn: why", "slowly", "live 01-04", "late"))


def test_the_end_shows_the_table_the_history_and_the_numbers() -> None:
    """Event by event, Git's tags, AUC month by month, requests, where the report is, what it cost."""
    text = told()

    assert "01-03" not in text.partition("what happened")[0]
    assert f"candidate {NEW[:12]}" in text
    assert "tag: live/prod/flights/1" in text
    assert "2013-12  0.711   0.711      +0.000  27,000" in text
    assert "13,568 requests of 255,211 rows, 0 failed; the bad settings spoiled 10 answers, 2 failed meanwhile" in text
    assert "report /somewhere/report.html   63 s, 812 MB" in text


def test_the_end_fits_a_narrow_terminal() -> None:
    """No line of the table is wider than the terminal."""
    table = told(80).partition("*   7f24516")[0]

    assert max(len(line) for line in table.splitlines()) <= 80


def test_equal_values_make_a_level_sparkline() -> None:
    """No division by nothing."""
    assert "███" == spark([0.7, 0.7, 0.7], 0.7, 0.7)


def test_a_commit_message_cannot_steer_the_terminal() -> None:
    """Git's words and a hop's words come from outside: their control characters are gone."""
    file = io.StringIO()
    tampered = replace(story(), git_log="* 1 \x1b[2Jgone", hops=hops(("tide", "rises", "\x1b]0;title\x07")))

    show(tampered, Console(file=file, width=100))

    assert "gone" in file.getvalue()
    assert not {"\x1b", "\x07"} & set(file.getvalue())
