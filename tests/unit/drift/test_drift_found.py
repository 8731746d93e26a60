"""Is drift found where it is, and does the signal say of what?"""

import msgspec
import numpy as np
import polars as pl
import pytest

from headgate.drift.reference import build
from headgate.drift.report import report, signals
from headgate.specs.drift import Drift
from unit.drift.judging import POLICY, WEEKS, column, judged, week
from unit.drift.weather import MODEL, PROD, SPEC, times, window


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("temperature", pl.col("temperature") + 2, "distance 0."),
        ("temperature", pl.col("temperature") * 3, "distance 0."),
        ("temperature", pl.lit(5.0), "distance 1.000"),
        ("carrier", pl.when(pl.col("carrier") == "AA").then(pl.lit("UA")).otherwise("carrier"), "distance 0."),
        ("carrier", pl.when(pl.col("carrier") == "UA").then(pl.lit("DL")).otherwise("carrier"), "unseen "),
        ("wind", pl.when(pl.col("number") % 5 < 3).then(None).otherwise("wind"), "missing 60%, was 0%"),
        ("wind", pl.when(pl.col("number") % 5 < 3).then(float("nan")).otherwise("wind"), "missing 60%, was 0%"),
        ("wind", pl.when(pl.col("number") % 5 < 3).then(float("inf")).otherwise("wind"), "infinite 60%, was 0%"),
        ("carrier", pl.lit(None), "missing 100%, was 0%"),
    ],
)
def test_a_column_that_changed_is_found_and_its_reason_says_how(name: str, values: pl.Expr, reason: str) -> None:
    """Shift, spread, constant, mix, new category, missing, infinite."""
    found = column(judged(week().with_columns(values.alias(name))), name)

    assert found.outcome == "drifted"
    assert found.reason.startswith(reason)


def test_new_categories_are_named() -> None:
    """The person on call looks for exactly this."""
    found = judged(week().with_columns(carrier=pl.lit("DL")))

    assert "unseen 100%, was 0% (DL)" in column(found, "carrier").reason


def test_a_share_of_the_columns_makes_the_window_drift() -> None:
    """One of three, and the policy's share is 0.3; with 0.5 it takes two."""
    one = week().with_columns(pl.col("temperature") + 3)

    assert judged(one).outcome == "drifted"
    assert judged(one, policy=msgspec.structs.replace(POLICY, columns_share=0.5)).outcome == "stable"


def test_a_signal_names_the_column_furthest_beyond_its_limit_first_and_four_at_most() -> None:
    """Its value and limit are the signal's."""
    random = np.random.default_rng(9)
    many = pl.DataFrame({f"c{i}": random.normal(size=8400) for i in range(6)})
    made = build(many, times(WEEKS), SPEC, MODEL)
    shifted = many.head(840).select(pl.col(f"c{i}") + 0.4 * (i + 1) for i in range(6))

    found = signals(report(shifted, None, made, POLICY, window(WEEKS), environment=PROD))

    assert len(found) == 1
    assert [part.split(":")[0] for part in found[0].detail.split(" rows): ")[1].split(", c")] == ["c5", "4", "3", "2"]
    assert found[0].detail.endswith(" and 2 more")
    assert found[0].value is not None
    assert found[0].value > 0.5


def test_the_scores_drift_counts_alone_and_has_a_signal_of_its_own() -> None:
    """No feature moved, so the rule of features is silent; the window drifted all the same."""
    found = judged(week(), np.random.default_rng(1).beta(5, 2, 840))

    assert found.outcome == "drifted"
    window_signal, score_signal = signals(found)
    assert (window_signal.rule, score_signal.rule) == ("drift", "drift score")
    assert not window_signal.fired
    assert score_signal.fired
    assert score_signal.value is not None
    assert score_signal.limit is not None
    assert score_signal.value > score_signal.limit


def test_features_that_drift_don_t_fire_the_scores_signal() -> None:
    """Two rules, two answers."""
    found = judged(week().with_columns(pl.col("temperature") + 3), np.random.default_rng(1).beta(2, 5, 840))

    assert [one.fired for one in signals(found)] == [True, False]
    assert signals(found)[0].detail.startswith("1 of 3 drifted (840 rows): temperature: distance 0.")


def test_each_class_of_a_model_has_a_score() -> None:
    """A feature of the name `score` is not one of them."""
    random = np.random.default_rng(1)
    answers = random.dirichlet([1, 2, 3], 1680)
    features = pl.DataFrame({"score": random.normal(size=1680)})
    made = build(features, None, SPEC, MODEL, scores=answers, classes=("a", "b", "c"))

    found = report(features, answers, made, POLICY, window(0), environment=PROD)

    assert [(one.column, one.is_score) for one in found.columns] == [
        ("score", False),
        ("score.a", True),
        ("score.b", True),
        ("score.c", True),
    ]
    assert found.outcome == "stable"


@pytest.mark.parametrize("method", ["psi", "jensen_shannon", "wasserstein"])
def test_every_method_finds_a_shift_and_leaves_a_like_week(method: str) -> None:
    """In its own unit, without building the reference again."""
    policy = Drift(method=method, effect={"psi": 0.2, "jensen_shannon": 0.1, "wasserstein": 0.2}[method])  # type: ignore[arg-type]

    assert judged(week(), policy=policy).outcome == "stable"
    assert judged(week().with_columns(pl.col("temperature") + 2), policy=policy).outcome == "drifted"
