"""Standard errors and intervals: DeLong when rows are independent, honest when they are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headgate.errors import PermanentError
from headgate.records.judgement import Estimate
from headgate.stats.clustered import clusters_needed, difference, estimate, interval, paired
from headgate.stats.metrics import Floats, Scored, Undefined, score

LEVEL = 0.05


def delong(label: Floats, candidate: Floats, other: Floats) -> tuple[float, float]:
    """Return delta and standard error by DeLong, DeLong & Clarke-Pearson 1988, the slow way."""
    kernel = []
    for guess in (candidate, other):
        gaps = guess[label == 1][:, None] - guess[label == 0][None, :]
        kernel.append((gaps > 0) + (gaps == 0) / 2)
    by_positive = np.cov([one.mean(axis=1) for one in kernel])
    by_negative = np.cov([one.mean(axis=0) for one in kernel])
    covariance = by_positive / kernel[0].shape[0] + by_negative / kernel[0].shape[1]
    contrast = np.array([1, -1])
    return kernel[0].mean() - kernel[1].mean(), float(np.sqrt(contrast @ covariance @ contrast))


def obuchowski(label: Floats, guess: Floats, clusters: Floats) -> float:
    """Return the clustered variance of one AUC, Obuchowski 1997 equation (4), cluster by cluster."""
    gaps = guess[label == 1][:, None] - guess[label == 0][None, :]
    kernel = (gaps > 0) + (gaps == 0) / 2
    area, (positives, negatives) = kernel.mean(), kernel.shape
    names = np.unique(clusters)
    count = len(names)
    ten = [(kernel.mean(axis=1) - area)[clusters[label == 1] == name].sum() for name in names]
    one = [(kernel.mean(axis=0) - area)[clusters[label == 0] == name].sum() for name in names]
    scale = count / (count - 1)
    return scale * (
        np.dot(ten, ten) / positives**2 + np.dot(one, one) / negatives**2 + 2 * np.dot(ten, one) / positives / negatives
    )


def test_one_cluster_cannot_tell_an_error() -> None:
    """A single day has no spread between days, whatever its rows say."""
    answer = estimate(score("mae", [1.0, 2.0, 3.0], [1.0, 1.0, 1.0]), [7, 7, 7])

    assert isinstance(answer, Undefined)
    assert "one cluster" in answer.reason


def test_an_undefined_side_keeps_its_reason() -> None:
    """A comparison with a model that gave NaN says so."""
    good, bad = score("mae", [1.0, 2.0], [1.0, 1.0]), score("mae", [1.0, 2.0], [1.0, np.nan])

    answers = paired(good, bad), paired(bad, good), estimate(bad)

    assert {answer.reason for answer in answers} == {"1 of 2 predictions are NaN or infinite"}


def test_sides_of_unequal_length_are_refused() -> None:
    """Paired means the same rows."""
    one, other = score("mae", [1.0, 2.0], [1.0, 1.0]), score("mae", [1.0, 2.0, 3.0], [1.0, 1.0, 1.0])

    with pytest.raises(PermanentError, match="don't pair"):
        difference(one, other)


def test_clusters_of_another_length_are_refused() -> None:
    """A cluster code for every row."""
    with pytest.raises(PermanentError, match="don't pair with 2 rows"):
        estimate(score("mae", [1.0, 2.0], [1.0, 1.0]), [1, 2, 3])


@pytest.mark.parametrize("alpha", [0, 1, -0.1, float("nan")])
def test_a_level_outside_0_and_1_is_refused(alpha: float) -> None:
    """No interval at a level that is none."""
    with pytest.raises(PermanentError, match="is no level"):
        interval(Estimate(value=0, standard_error=1, rows=9, clusters=9), alpha)


@given(st.integers(0, 2**32 - 1), st.integers(4, 60))
def test_single_rows_give_delong_exactly(seed: int, rows: int) -> None:
    """With every row its own cluster the paired AUC error is DeLong's, small samples and ties included."""
    random = np.random.default_rng(seed)
    label = np.concatenate(([0, 0, 1, 1], random.integers(0, 2, rows))).astype(float)
    candidate, other = np.round(random.random((2, len(label))), 1)

    mine = paired(score("auc", label, candidate), score("auc", label, other))

    assert (mine.value, mine.standard_error) == pytest.approx(delong(label, candidate, other), abs=1e-12)


def test_clustered_auc_is_obuchowski_s() -> None:
    """Equal clusters: the published formula, but for DeLong's n/(n-1) of the class counts (under 1 %)."""
    random = np.random.default_rng(5)
    clusters = np.repeat(np.arange(20), 50)
    label = (random.random(1000) < 0.3 + 0.02 * (clusters - 10)).astype(float)
    guess = label + random.normal(size=1000) + random.normal(size=20)[clusters]

    mine = estimate(score("auc", label, guess), clusters)

    assert mine.standard_error**2 == pytest.approx(obuchowski(label, guess, clusters), rel=0.01)


def test_the_interval_of_a_mean_is_student_s() -> None:
    """For a plain mean of independent rows nothing new: scipy's own t interval."""
    values = np.random.default_rng(3).normal(size=30)
    expected = stats.t.interval(0.95, 29, loc=values.mean(), scale=stats.sem(values))

    bounds = interval(estimate(Scored(values.mean(), values - values.mean())), 0.05)

    assert bounds == pytest.approx(expected)


def test_the_names_of_clusters_don_t_matter() -> None:
    """Codes, gaps between codes and text give one answer."""
    scored = score("mae", np.arange(12.0), np.zeros(12))
    days = np.repeat([0, 1, 2], [2, 4, 6])

    answers = [estimate(scored, names) for names in (days, days * 100 - 7, np.array(["b", "a", "c"])[days])]

    assert answers[0].standard_error == pytest.approx(answers[1].standard_error)
    assert answers[0].standard_error == pytest.approx(answers[2].standard_error)
    assert {answer.clusters for answer in answers} == {3}


def test_unequal_clusters_have_fewer_degrees_of_freedom() -> None:
    """Twenty customers of whom one holds most rows are nearly one customer."""
    scored = score("mae", np.random.default_rng(1).normal(size=400), np.zeros(400))

    equal = estimate(scored, np.repeat(np.arange(20), 20))
    unequal = estimate(scored, np.repeat(np.arange(20), [210, *[10] * 19]))

    assert equal.freedom == pytest.approx(19)
    assert unequal.freedom == pytest.approx(400**2 / (210**2 + 19 * 100) - 1)
    assert equal.clusters == unequal.clusters == 20


def test_as_many_clusters_as_said_find_the_distance() -> None:
    """Simulated means of as many clusters as asked for reach the promised power, and not by far more."""
    error_of_nine, distance = 1 / 3, 0.4
    needed = clusters_needed(error_of_nine, 9, distance, LEVEL, power=0.8)

    drawn = np.random.default_rng(9).normal(distance, 1, size=(4000, needed))
    reach = stats.t.ppf(1 - LEVEL / 2, needed - 1) * drawn.std(axis=1, ddof=1) / np.sqrt(needed)
    found = (drawn.mean(axis=1) - reach > 0).mean()

    assert 0.78 <= found <= 0.84


@pytest.mark.parametrize(
    ("error", "clusters", "distance"),
    [(0.01, 21, 0.0), (0.01, 21, -0.1), (0.01, 1, 0.1), (float("nan"), 21, 0.1), (1.0, 21, 1e-9)],
)
def test_no_number_of_clusters_shows_nothing(error: float, clusters: int, distance: float) -> None:
    """No distance, no error known, or longer than anybody waits: None."""
    assert clusters_needed(error, clusters, distance, LEVEL) is None


def test_more_clusters_are_needed_for_less() -> None:
    """Half the distance needs about four times the clusters."""
    far, near = (clusters_needed(0.01, 21, distance, LEVEL) for distance in (0.01, 0.005))

    assert near == pytest.approx(4 * far, rel=0.05)
