"""Which evidence starts a run, and which was acted on already?"""

import hashlib

import msgspec
import pytest

from headgate.errors import PermanentError
from headgate.names import Name
from headgate.specs.reading import parse
from headgate.specs.service import Retrain
from headgate.trigger import PastRun, key
from unit.causes import DAY, START, SUBJECT, asked, drift, past, person, week


@pytest.mark.parametrize("windows", ["3 of 2", "0 of 3", "2 von 3", "2 of 0", "-1 of 2"])
def test_windows_that_can_never_be_met_are_refused_when_the_spec_is_read(windows: str) -> None:
    """A policy that never fires, or always does, is a mistake of its author."""
    with pytest.raises(PermanentError, match="windows"):
        parse(f"windows: {windows!r}", Retrain, "service.yaml")


def test_nothing_measured_is_quiet() -> None:
    """Without a signal there is nothing to decide."""
    assert asked([], [], START).decision == "quiet"


def test_two_of_three_windows_start_one_run_that_names_its_evidence() -> None:
    """The trigger carries the last window that fired, so that gate rows come after it."""
    decision = asked([drift(1), drift(2, fired=False), drift(3)], [], week(3).end)

    assert decision.trigger is not None
    assert decision.trigger.window == week(3)
    assert decision.trigger.detail == "drift in 2 of 3 windows: week 3"


@pytest.mark.parametrize("fired", [[3], [1], [1, 4], []])
def test_fewer_than_n_of_the_last_m_windows_are_quiet(fired: list[int]) -> None:
    """One bad week is weather; and weeks 1 and 4 are not among the same three."""
    signals = [drift(number, fired=number in fired) for number in range(1, 5)]

    assert asked(signals, [], week(4).end).decision == "quiet"


def test_a_window_counted_again_with_another_result_counts_as_the_last_one_said() -> None:
    """Late labels can take a signal back."""
    signals = [drift(1), drift(2), drift(2, fired=False)]

    assert asked(signals, [], week(2).end).decision == "quiet"


def test_a_window_that_has_not_ended_is_ignored() -> None:
    """A sender whose clock is a week ahead has not measured anything."""
    assert asked([drift(1), drift(2)], [], week(2).end - DAY).decision == "quiet"


def test_a_cause_that_the_service_does_not_list_is_ignored_and_a_person_never() -> None:
    """The policy's causes are the automatic ones."""
    only = Retrain(causes=("performance",))

    assert asked([drift(1), drift(2)], [], week(2).end, only).decision == "quiet"
    assert asked([person("look", week(2).end)], [], week(2).end, only).decision == "start"


def test_a_schedule_needs_no_second_window() -> None:
    """It happens once and is no measurement."""
    decision = asked([drift(1, rule="monthly", cause="schedule")], [], week(1).end)

    assert decision.reason == "monthly: week 1"


def test_causes_go_in_the_order_the_service_lists_them() -> None:
    """Lost performance is the better reason, where the service says so."""
    signals = [drift(n, rule=r, cause=c) for n in (1, 2) for r, c in (("drift", "drift"), ("auc low", "performance"))]

    decision = asked(signals, [], week(2).end, Retrain(causes=("performance", "drift")))

    assert decision.trigger is not None
    assert decision.trigger.rule == "auc low"


def test_the_same_evidence_twice_is_one_trigger() -> None:
    """Alerts are delivered twice, and a receiver restarts."""
    signals = [drift(1), drift(2)]
    first = asked(signals, [], week(2).end).trigger
    assert first is not None
    run = PastRun(trigger=first, verdict="fail", ended=True, ended_at=week(2).end + DAY, code="c1")

    again = asked(signals, [run], week(9).end)

    assert again.decision == "known"


def test_drift_and_lost_performance_of_one_week_are_one_run() -> None:
    """Labels mature after the drift was acted on: the same week is no second reason."""
    late = [drift(n, rule="auc low", cause="performance") for n in (1, 2)]

    assert asked(late, [past(2)], week(4).end).decision == "known"


def test_a_known_rule_does_not_hide_a_fresh_one() -> None:
    """Drift was acted on in week 2; performance of week 4 is news."""
    signals = [drift(1), drift(2), *(drift(n, rule="auc low", cause="performance") for n in (3, 4))]

    decision = asked(signals, [past(2)], week(4).end)

    assert decision.trigger is not None
    assert decision.trigger.rule == "auc low"


def test_the_key_is_known_to_other_programs() -> None:
    """It names the Workflow, so it must not change between versions."""
    text = "\n".join(("flights", "prod", "drift", "a" * 64, "2013-04-08T00:00:00+00:00"))

    assert key(SUBJECT, drift(1)) == hashlib.sha256(text.encode()).hexdigest()[:12]


@pytest.mark.parametrize("field", ["service", "environment", "champion"])
def test_the_key_differs_between_subjects(field: str) -> None:
    """The same week of another service, environment or champion is other evidence."""
    other = msgspec.structs.replace(SUBJECT, **{field: Name("b" * 64)})

    assert key(SUBJECT, drift(1)) != key(other, drift(1))
