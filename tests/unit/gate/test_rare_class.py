"""A few rows of the rarer class know no error: the rule `enough` waits for more."""

import numpy as np
import pytest

from headgate.gate.rules import enough
from headgate.gate.rules.case import Case
from headgate.records.judgement import Calibration
from headgate.specs.gate import EnoughRows
from headgate.stats.clustered import estimate as estimated
from headgate.stats.clustered import interval
from headgate.stats.metrics import Undefined, score
from unit.gate.evidence import CHAMPION, estimate, evaluation, service

ROWS = 1000


def case(positives: int, task: str = "binary") -> Case:
    """Return evidence with so many positives in two bins."""
    bins = ((0.1, positives / ROWS, ROWS // 2), (0.4, positives / ROWS, ROWS // 2))
    found = Calibration(role="candidate", in_the_large=estimate(0.0, 0.01), expected_error=0.01, bins=bins)
    spec = service(task=task)
    return Case(evaluation=evaluation(rows=ROWS, calibration=(found,)), spec=spec, alpha=0.05, champion_now=CHAMPION)


@pytest.mark.parametrize(("positives", "expected"), [(3, "inconclusive"), (9, "inconclusive"), (10, "pass")])
def test_ten_rows_of_the_rarer_class_are_asked(positives: int, expected: str) -> None:
    """Nine of a thousand are too few, ten are enough."""
    found = enough.judge(EnoughRows(), case(positives))

    assert expected == found.outcome


def test_the_rarer_class_may_be_the_positive_or_the_negative_one() -> None:
    """What counts is the smaller of the two."""
    found = enough.judge(EnoughRows(), case(ROWS - 4))

    assert "4 of the rarer class" in found.reason


def test_it_says_how_many_more_rows_bring_ten() -> None:
    """Five in a thousand: as many rows once more."""
    found = enough.judge(EnoughRows(), case(5))

    assert found.days_needed is not None
    assert found.days_needed > 0


def test_other_tasks_have_no_rarer_class() -> None:
    """The bins of several classes count right answers, not classes."""
    found = enough.judge(EnoughRows(), case(3, "multiclass"))

    assert "pass" == found.outcome


def chance_passes(positives: int, rows: int = 200, trials: int = 1500) -> float:
    """Return how often random scores have an interval above the floor of the balanced pack."""
    draw = np.random.default_rng(5)
    label = np.zeros(rows)
    label[:positives] = 1
    passed = 0
    for _ in range(trials):
        found = estimated(score("auc", label, draw.random(rows)))
        assert not isinstance(found, Undefined)
        passed += interval(found, 0.05)[0] > 0.55
    return passed / trials


def test_fewer_than_ten_would_let_chance_through() -> None:
    """The reason for the rule: three positives break the level, ten keep it."""
    three, ten = chance_passes(3), chance_passes(10)

    assert three > 0.04
    assert ten < 0.025
