"""`why` and `status` as text."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.names import Commit, Digest, Name
from headgate.show import status, why
from headgate.specs.environment import CauseNote, DataPin, ModelPin, Version
from headgate.why import History, Numbers, Reign, Row

A, B = Digest("a" * 64), Digest("b" * 64)
SINCE = datetime(2013, 9, 2, 6, tzinfo=UTC)
NUMBERS = Numbers(
    promotions=2, reverts=0, failed_canaries=1, lead_time=timedelta(hours=6), time_to_restore=timedelta(seconds=40)
)
VERSION = Version(
    storage_uri=f"models/flights/{B}",
    model=ModelPin(name=Name("flights"), version="t-1", sha256=B),
    dataset=DataPin(
        sha256=Digest("7" * 64), start=datetime(2013, 5, 2, tzinfo=UTC), end=datetime(2013, 7, 30, tzinfo=UTC)
    ),
    code="3f2a" * 16,
    lock="c0ff" * 16,
    seed=7,
    verdict=Digest("e" * 64),
    evidence=Digest("d" * 64),
    summary="PASS: AUC +.010 [.002, .018]",
    cause=CauseNote(cause="performance", detail="late-label AUC .662 < .690 in 3 of 4 windows"),
)
LIVE = Reign(
    model=B,
    since=SINCE,
    until=None,
    commit=Commit("1" * 40),
    version=VERSION,
    because="late-label AUC .662 < .690 in 3 of 4 windows",
    trigger="1f0c2a000000",
    judged="PASS: AUC +.010 [.002, .018]",
    merged_by="reviewer",
    pull_request=7,
    analyses_passed=4,
    analyses=4,
    replaces=A,
    replaced_after=timedelta(days=61),
)


def history(*reigns: Reign, **changes: Any) -> History:
    found = History(
        service=Name("flights"),
        environment=Name("prod"),
        state="live",
        named=reigns[0].model if reigns else None,
        reigns=reigns,
        undo="headgate propose --revert flights prod",
        numbers=NUMBERS,
    )
    return replace(found, **changes)


def test_the_live_model_is_told_from_cause_to_undo() -> None:
    """Which model, since when, because, judged, merged, made from, replaces, undo."""
    first = replace(LIVE, model=A, since=SINCE - timedelta(days=61), until=SINCE, pull_request=1)

    text = why.text(history(LIVE, first), SINCE + timedelta(days=11))

    assert (
        """\
flights in prod: bbbbbbbbbbbb  live since 2013-09-02 06:00 (11 days)
  because   late-label AUC .662 < .690 in 3 of 4 windows   trigger 1f0c2a000000
  judged    PASS: AUC +.010 [.002, .018]
  merged    by reviewer, pull request #7, canary 4 of 4 passed
  made from data 2013-05-02 … 2013-07-30 (sha256:777777777777)  code 3f2a3f2a3f2a  seed 7
  replaces  aaaaaaaaaaaa (it was live 61 days)
  undo      headgate propose --revert flights prod
  before    aaaaaaaaaaaa  2013-07-03 06:00 … 2013-09-02 06:00, 61 days   #1
  so far    2 promotions, 1 failed canary, 0 reverts, 6 hours to merge, 40 seconds to restore
"""
        == text
    )


def test_nothing_live_says_what_to_ask_next() -> None:
    """No undo of nothing."""
    text = why.text(history(state="nothing yet", numbers=replace(NUMBERS, promotions=0)))

    assert "flights in prod: nothing is live\n  next      headgate status\n" == text


def test_a_model_on_its_way_is_named_beside_the_live_one() -> None:
    """Main says one thing, the cluster another."""
    text = why.text(history(LIVE, named=A, state="canary failed"))

    assert "  main says aaaaaaaaaaaa: its canary failed; a revert puts main back\n" in text


def test_what_git_does_not_know_is_said_and_not_guessed() -> None:
    """Pushed by hand, without a canary, its version.yaml gone."""
    bare = replace(LIVE, pull_request=None, merged_by=None, analyses=0, version=None, trigger=None, replaces=None)

    text = why.text(history(bare))

    assert "by nobody Git knows, pushed to main without a pull request, no canary" in text
    assert "made from" not in text


def test_many_reigns_are_cut_and_counted() -> None:
    """The newest four before the live one, then how many more."""
    text = why.text(history(*[LIVE] * 8))

    assert 4 == text.count("before")
    assert "and 3 more" in text


@pytest.mark.parametrize("attack", ["\x1b[31mred", "a\nlive since ever", "x" * 5000])
def test_hostile_text_stays_on_its_line(attack: str) -> None:
    """No control character, no line of its own, no flood."""
    text = why.text(history(replace(LIVE, because=attack, judged=attack, merged_by=attack)))

    assert "\x1b" not in text
    assert len(why.text(history(LIVE)).splitlines()) == len(text.splitlines())
    assert max(map(len, text.splitlines())) < 300


def test_status_is_a_line_a_service_in_order() -> None:
    """What is live, since when, what main names instead, what is open, what is banned."""
    live = Row(
        environment=Name("dev"),
        service=Name("flights"),
        state="live",
        live=B,
        since=SINCE,
        named=B,
        open=(7, 9),
        bans=1,
    )
    waiting = replace(live, environment=Name("prod"), state="on its way", live=A, open=(), bans=0)
    nothing = replace(waiting, service=Name("taxi"), state="nothing yet", live=None, since=None, named=None)

    text = status.text([live, waiting, nothing])

    assert (
        """\
environment  service  live          since             state                     open    bans
dev          flights  bbbbbbbbbbbb  2013-09-02 06:00  live                      #7, #9  1
prod         flights  aaaaaaaaaaaa  2013-09-02 06:00  on its way: bbbbbbbbbbbb  -       -
prod         taxi     -             -                 nothing yet               -       -
"""
        == text
    )


def test_no_service_says_what_comes_first() -> None:
    """An empty env repo is no error."""
    assert "no service in any environment" in status.text([])
