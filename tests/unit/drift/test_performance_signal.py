"""Does lost performance call for a new model, and a bad week not?"""

from datetime import UTC, datetime
from math import inf, nan

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headgate.drift.performance import drop_with_bound, freedom, signal, window_metric
from headgate.errors import PermanentError
from headgate.records.dataset import Window
from headgate.records.judgement import Estimate
from headgate.specs.drift import Performance
from headgate.stats.clustered import estimate
from headgate.stats.metrics import Undefined, score

WEEK = Window(start=datetime(2013, 4, 1, tzinfo=UTC), end=datetime(2013, 4, 8, tzinfo=UTC))
POLICY = Performance()
GATE = Estimate(value=0.75, standard_error=0.008, rows=18_000, clusters=21)


def served(value: float, error: float = 0.01, rows: int = 6000, clusters: int = 7) -> Estimate:
    return Estimate(value=value, standard_error=error, rows=rows, clusters=clusters)


@pytest.mark.parametrize(
    ("window", "gate", "why"),
    [
        (Undefined("4 positive and 0 negative rows"), GATE, "not known in the window: 4 positive and 0 negative rows"),
        (served(0.5), Undefined("not measured"), "not known at the gate: not measured"),
        (served(0.5, rows=199), GATE, "199 labelled rows, 200 needed"),
        (served(0.5, clusters=3), GATE, "3 clusters, 4 needed"),
        (served(0.5, error=inf), GATE, "its error in the window is not known"),
        (served(nan), GATE, "its error in the window is not known"),
        (served(0.5), msgspec.structs.replace(GATE, clusters=1), "its error at the gate is not known"),
    ],
)
def test_too_little_evidence_does_not_fire_and_says_why(
    window: Estimate | Undefined, gate: Estimate | Undefined, why: str
) -> None:
    """Each of these would be a large drop."""
    raised = signal(window, gate, "auc", WEEK, POLICY)

    assert not raised.fired
    assert raised.value is None
    assert why in raised.detail


def test_an_unknown_metric_is_refused() -> None:
    """A typo must not be a signal that never fires."""
    with pytest.raises(PermanentError, match="'auk'"):
        signal(served(0.5), GATE, "auk", WEEK, POLICY)


@pytest.mark.parametrize(
    ("metric", "gate", "window", "fired"),
    [
        ("auc", 0.75, 0.75, False),
        ("auc", 0.75, 0.90, False),
        ("auc", 0.75, 0.70, True),
        ("accuracy", 0.75, 0.70, True),
        ("log_loss", 0.50, 0.50, False),
        ("log_loss", 0.50, 0.30, False),
        ("log_loss", 0.50, 0.60, True),
        ("rmse", 50.0, 51.0, False),
        ("rmse", 50.0, 53.0, True),
    ],
)
def test_worse_is_lower_or_higher_by_the_metric(metric: str, gate: float, window: float, fired: bool) -> None:
    """A better week never fires; losses are judged by their share of the value at the gate."""
    sure = 1e-4
    at_gate = Estimate(value=gate, standard_error=sure, rows=18_000, clusters=21)

    raised = signal(served(window, error=sure), at_gate, metric, WEEK, POLICY)

    assert raised.fired is fired
    assert raised.rule == f"{metric} {'low' if metric in {'auc', 'accuracy'} else 'high'}"


def test_a_sure_drop_below_the_floor_does_not_fire() -> None:
    """Weeks differ by more than their days' errors say."""
    certain = msgspec.structs.replace(GATE, standard_error=0.0)

    assert not signal(served(0.7301, error=0.0), certain, "auc", WEEK, POLICY).fired
    assert signal(served(0.7299, error=0.0), certain, "auc", WEEK, POLICY).fired


def test_a_drop_beyond_the_floor_that_chance_explains_does_not_fire() -> None:
    """Seven days with an error of 0.05 each way."""
    assert not signal(served(0.66, error=0.05), GATE, "auc", WEEK, POLICY).fired


def test_the_signal_shows_what_it_compared() -> None:
    """The bound and the floor, and both values in words."""
    raised = signal(served(0.65), GATE, "auc", WEEK, POLICY)

    assert raised.value is not None
    assert raised.value > 0.02
    assert raised.limit == 0.02
    assert raised.detail.startswith("auc 0.6500, 0.7500 at the gate: worse by 0.1000, credibly by 0.07")


@given(
    errors=st.tuples(st.floats(1e-12, 10), st.floats(1e-12, 10)),
    clusters=st.tuples(st.integers(2, 400), st.integers(2, 400)),
)
def test_degrees_of_freedom_lie_between_the_smaller_side_and_both_together(
    errors: tuple[float, float], clusters: tuple[int, int]
) -> None:
    """Welch and Satterthwaite's bounds, whatever the sizes."""
    sides = [Estimate(value=0, standard_error=e, rows=c, clusters=c) for e, c in zip(errors, clusters, strict=True)]

    degrees = freedom(*sides)

    assert min(clusters) - 1 <= degrees * (1 + 1e-9)
    assert degrees <= (sum(clusters) - 2) * (1 + 1e-9)


def test_a_large_customer_among_small_ones_leaves_fewer_degrees_of_freedom() -> None:
    """Both sides' own degrees count, not their numbers of clusters: the bound is wider."""
    even = served(0.65, error=0.03, clusters=20)
    uneven = msgspec.structs.replace(even, freedom=2.5)

    (_, low), (_, wider) = (drop_with_bound(side, GATE, "auc", 0.05) for side in (even, uneven))

    assert freedom(even, GATE) > 19 > freedom(uneven, GATE) > 2.5
    assert wider < low


def test_on_single_rows_it_is_welchs_test() -> None:
    """scipy says the same of two samples' means."""
    random = np.random.default_rng(1)
    gate, window = random.exponential(1.0, 40), random.exponential(1.3, 25)
    both = [estimate(score("mae", np.zeros(len(loss)), loss)) for loss in (window, gate)]
    assert isinstance(both[0], Estimate)
    assert isinstance(both[1], Estimate)

    drop, low = drop_with_bound(both[0], both[1], "mae", 0.05)

    test = stats.ttest_ind(window, gate, equal_var=False, alternative="greater")
    assert low == pytest.approx(test.confidence_interval(0.95).low, rel=1e-9)
    assert drop == pytest.approx(window.mean() - gate.mean())


def days_of_losses(random: np.random.Generator, days: int, rows: int, mean: float, spread: float) -> Estimate:
    """Return the mean absolute error of days that are good and bad as a whole."""
    of_day = np.repeat(random.normal(mean, spread, days), rows)
    losses = np.abs(of_day + random.normal(0, 0.5, days * rows))
    found = estimate(score("mae", np.zeros(len(losses)), losses), np.repeat(np.arange(days), rows))
    assert isinstance(found, Estimate)
    return found


@pytest.mark.parametrize("spread", [0.0, 0.5], ids=["independent rows", "days"])
def test_it_fires_at_most_at_its_level_when_the_loss_is_just_the_floor(spread: float) -> None:
    """1,500 pairs of 21 gate days and one week; the 99 % Clopper-Pearson bound stays below 1.5 alpha."""
    random, trials = np.random.default_rng(3), 1500
    limit = POLICY.relative_drop

    fired = sum(
        signal(
            days_of_losses(random, 7, 30, 5 * (1 + limit), spread),
            days_of_losses(random, 21, 30, 5.0, spread),
            "mae",
            WEEK,
            POLICY,
        ).fired
        for _ in range(trials)
    )

    assert stats.beta.ppf(0.99, fired + 1, trials - fired) <= 1.5 * POLICY.alpha


def test_it_finds_a_loss_of_a_quarter_in_eight_weeks_of_ten() -> None:
    """Days as different as above: an `always quiet` would fail here."""
    random, trials = np.random.default_rng(4), 400

    fired = sum(
        signal(
            days_of_losses(random, 7, 30, 6.25, 0.5), days_of_losses(random, 21, 30, 5.0, 0.5), "mae", WEEK, POLICY
        ).fired
        for _ in range(trials)
    )

    assert fired / trials >= 0.8


def test_the_gauge_has_a_two_sided_interval_around_its_value() -> None:
    """Student's t with six degrees of freedom."""
    gauge = window_metric(served(0.7), GATE, "auc", 0.05)

    reach = stats.t.ppf(0.975, 6) * 0.01
    assert (gauge.low, gauge.high) == pytest.approx((0.7 - reach, 0.7 + reach))
    assert gauge.reference == 0.75
