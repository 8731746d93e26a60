"""What people ask for: another run, the way back, other settings, a ban lifted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headgate.cli.observations import Observed, keep
from headgate.cli.trigger import Decided
from headgate.cli.wiring import open_project
from headgate.names import Digest, Uri
from headgate.records.codec import decode
from headgate.records.dataset import Window
from headgate.records.live import DriftReport, LabelledWindow, Signal, Trigger
from unit.cli.terminal import Terminal

WEEK = timedelta(days=7)
MAY = datetime(2024, 5, 2, tzinfo=UTC)
SHA = Digest("a" * 64)


def observe(terminal: Terminal, weeks_ago: int, *, fired: bool) -> None:
    """Keep what `headgate drift` would have kept of a week."""
    project = open_project(terminal.folder / "service.yaml", None)
    champion = project.live(None).champion
    assert champion is not None
    window = Window(start=MAY - (weeks_ago + 1) * WEEK, end=MAY - weeks_ago * WEEK)
    place = {"service": project.spec.service, "environment": "prod", "window": window}
    labelled = LabelledWindow(
        **place, model=champion.sha256, predictions=9, labelled=9, missing=0, duplicates=0, uri=Uri("w"), sha256=SHA
    )
    drift = DriftReport(**place, reference=SHA, rows=9, rows_needed=9, columns=(), outcome="stable")
    signal = Signal(cause="performance", rule="auc low", window=window, fired=fired, detail="auc fell")
    keep(
        project,
        Observed(**place, champion=champion.sha256, labelled=labelled, metrics=(), signals=(signal,), drift=drift),
    )


def decided(terminal: Terminal, *words: object) -> Decided:
    """Type `headgate trigger` and return its record."""
    said = terminal("trigger", "--as-of", MAY.isoformat(), "--output", "json", *words)
    assert 0 == said.code, said.err
    return decode(said.out.encode(), Decided)


def test_without_signals_nothing_starts(live: Terminal) -> None:
    """It says that it is quiet."""
    assert "quiet" == decided(live).decision


def test_two_of_three_bad_weeks_start_a_run_once(live: Terminal) -> None:
    """The trigger is kept, and the command that answers it is said."""
    observe(live, 2, fired=True)
    observe(live, 1, fired=False)
    observe(live, 0, fired=True)

    said = live("trigger", "--as-of", MAY.isoformat())
    again = decided(live)

    kept = list((live.folder / ".headgate" / "triggers").glob("*.json"))
    assert said.out.startswith("start: auc low in 2 of 3 windows")
    assert f"headgate run --trigger {kept[0]}" in said.out
    assert "performance" == decode(kept[0].read_bytes(), Trigger).cause
    assert "known" == again.decision


def test_one_bad_week_starts_nothing(live: Terminal) -> None:
    """It may be chance."""
    observe(live, 0, fired=True)

    assert "quiet" == decided(live).decision


def test_a_person_needs_no_signal(live: Terminal) -> None:
    """Only a reason."""
    made = decided(live, "--person", "new labels came")

    assert "start" == made.decision
    assert made.trigger is not None
    assert "new labels came" in made.trigger.detail


def test_a_person_without_a_reason_is_refused(live: Terminal) -> None:
    """Git will be asked why."""
    said = live("trigger", "--person", " ")

    assert 2 == said.code
    assert "--person needs a reason" in said.err


def test_while_a_run_is_awaited_no_other_starts(live: Terminal) -> None:
    """The command of the one that waits is said."""
    decided(live, "--person", "one")

    said = live("trigger", "--as-of", MAY.isoformat(), "--person", "two")

    assert said.out.startswith("waiting: ")
    assert "headgate run --trigger" in said.out


def test_the_same_wish_twice_is_one_trigger(live: Terminal) -> None:
    """The key is made of the evidence, and a wish is its reason and its week."""
    first, second = decided(live, "--person", "same"), decided(live, "--person", "same")

    assert first.trigger is not None
    assert "known" == second.decision


def test_the_first_model_has_nothing_to_go_back_to(live: Terminal) -> None:
    """Said as a record: nothing is wrong."""
    said = live("propose", "--revert", "orders", "prod")

    assert 0 == said.code
    assert "nothing else was live in prod to go back to" in said.out


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("--revert", "other", "prod"), 2, "describes 'orders', not 'other'"),
        (("--revert", "orders", "stage"), 1, "no environment 'stage'"),
        (("--revert", "orders", "prod", "-e", "stage"), 2, "--environment 'stage'"),
        (("--revert", "orders", "prod", "--settings", "x.yaml"), 2, "two requests"),
        (("--settings", "x.yaml"), 2, "--settings needs --reason"),
        (("--settings", "x.yaml", "--reason", "why"), 1, "'x.yaml' cannot be read"),
        (("--reason", "why"), 2, "--reason goes with --revert or --settings"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    live: Terminal, words: tuple[str, ...], code: int, error: str
) -> None:
    """Before anything is opened."""
    said = live("propose", *words)

    assert code == said.code
    assert error in said.err
    assert "none is open" in live("pr", "list").out


def test_other_settings_are_a_pull_request(live: Terminal) -> None:
    """Asked for twice it is the same one."""
    Path("serving.yaml").write_text("replicas: 2\n")

    first = live("propose", "--settings", "serving.yaml", "--reason", "more of it")
    second = live("propose", "--settings", "serving.yaml", "--reason", "more of it")

    assert "pull request #2 open" in first.out
    assert "open as pull request #2" in second.out


def test_settings_with_an_unknown_key_are_refused(live: Terminal) -> None:
    """Main would be broken for everybody; the file that is named is the one that was given."""
    Path("mine.yaml").write_text("replica: 2\n")

    said = live("propose", "--settings", "mine.yaml", "--reason", "more of it")

    assert 1 == said.code
    assert said.err.startswith("error: mine.yaml:1 has unknown key 'replica'. Did you mean 'replicas'?")


def test_a_model_that_is_not_banned_needs_no_lifting(live: Terminal) -> None:
    """Said as a record."""
    said = live("unban", "orders", "prod", "--model", "abcdef0", "--reason", "mended")

    assert 0 == said.code
    assert "is not banned" in said.out


def test_a_ban_is_not_lifted_for_a_stub_of_a_digest(live: Terminal) -> None:
    """It could mean another model tomorrow."""
    said = live("unban", "orders", "prod", "--model", "ab", "--reason", "mended")

    assert 1 == said.code
    assert "too short" in said.err
