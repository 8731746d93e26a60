"""What the demo keeps while it runs, and what it makes of it at the end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headgate.cli.story import split, thinned
from headgate.cli.telling import broken, running, told
from headgate.local.traffic import NO_CANARY, Counts, Failure, Step
from headgate.records.dataset import Check
from headgate.show.page.plots import evenly
from unit.show.stories import BAD, GOOD, NEW, OLD, analysis, looks

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST, OTHER = Step(GOOD, 10), Step(BAD, 10)


def check(
    name: str, column: str | None, rows: int, outcome: str = "fail", detail: str = "is text; first: 'a'"
) -> Check:
    return Check(name=name, column=column, severity="error", outcome=outcome, detail=detail, rows=rows)  # type: ignore[arg-type]


def test_the_split_counts_a_canary_apart_from_later_ones_at_the_same_weight() -> None:
    """The model that was a canary answers as stable during the next one: that is not its canary's share."""
    models = {
        (NO_CANARY, OLD[:12]): 9000,
        (FIRST, NEW[:12]): 100,
        (FIRST, OLD[:12]): 900,
        (OTHER, NEW[:12]): 5000,
    }

    notes = split(models, [analysis(GOOD, 10, "pass"), analysis(BAD, 10, "fail")])

    assert [(0.1, 0.1, 1000, GOOD)] == [(one.weight, one.measured, one.requests, one.commit) for one in notes]


def test_a_step_that_no_request_met_has_no_share() -> None:
    """Nothing is divided by nothing."""
    assert [] == split({}, [analysis(GOOD, 10, "pass")])


@pytest.mark.parametrize(
    ("sent", "failed", "inside"),
    [(-2, -1, False), (-2, 1, True), (1, 2, True), (9, 99, True), (11, 12, False)],
)
def test_a_failure_is_the_faults_when_it_was_under_way_in_it(sent: int, failed: int, inside: bool) -> None:
    """Sent before it and failed in it counts; failed before it, or sent after it, does not."""
    at = [NOON + timedelta(seconds=second) for second in (sent, failed)]

    assert inside is Failure(*at).within(NOON, NOON + timedelta(seconds=10))


def test_counts_add_up_with_their_failures() -> None:
    """A day's counts join the whole."""
    whole, day = Counts(), Counts(sent=2, failed=1, models={(FIRST, "a"): 1}, failures=[Failure(NOON, NOON)])

    whole.add(day)
    whole.add(day)

    assert (4, 2, {(FIRST, "a"): 2}) == (whole.sent, whole.failed, whole.models)
    assert 2 == len(whole.failures)


def test_parts_that_broke_alike_are_told_once_with_the_most_rows() -> None:
    """Train, tune and gate rows of a poisoned set break the same rules."""
    checks = (
        check("type gate", "distance", 10),
        check("type train", "distance", 500),
        check("nulls train", "temp", 60),
        check("nulls tune", "dest", 3, outcome="pass"),
    )

    found = broken(checks)

    assert [("type train", 500), ("nulls train", 60)] == [(one.name, one.rows) for one in found]


def test_a_check_is_told_with_its_column_once() -> None:
    """The first clause, and the column unless it is named already."""
    assert "temp: is text" == told(check("type", "temp", 1))
    assert "temp is text" == told(check("type", "temp", 1, detail="temp is text; first: 'a'"))
    assert "no rows" == told(check("rows", None, 0, detail="no rows"))


def test_the_running_verbs_are_those_with_a_log_and_no_record(tmp_path: Path) -> None:
    """Of the newest run alone; no run, no word."""
    assert "" == running(tmp_path / "none")
    for name in ("collect.log", "collect.json", "train.log", "validate.log"):
        (tmp_path / "runs" / "first").mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / "first" / name).touch()

    assert "train, validate" == running(tmp_path / "runs")


def test_thinned_looks_keep_the_first_and_the_last_of_each_question() -> None:
    """A long canary is drawn from some of its looks."""
    many = tuple(one for _ in range(5) for one in looks(GOOD, 10))

    kept = [one for one in thinned(many) if one.question == "p99"]

    p99 = [one for one in many if one.question == "p99"]
    assert 60 == len(kept)
    assert (p99[0], p99[-1]) == (kept[0], kept[-1])


@pytest.mark.parametrize(("count", "most"), [(0, 5), (1, 5), (5, 5), (6, 5), (1000, 60)])
def test_even_positions_rise_and_hold_both_ends(count: int, most: int) -> None:
    """At most as many as asked, none twice."""
    found = evenly(count, most)

    assert sorted(set(found)) == found
    assert min(count, most) == len(found)
    assert not found or (found[0], found[-1]) == (0, count - 1)
