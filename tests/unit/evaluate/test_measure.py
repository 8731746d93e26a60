"""Metrics of every role, differences, worst cases: for each task, and for bad predictions."""

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.evaluate.measure import measure
from headgate.names import Digest, Uri
from headgate.records.codec import decode, encode
from headgate.records.dataset import Window
from headgate.records.judgement import Comparison, Evaluation, Latency, Measured, Role
from headgate.specs import gate
from headgate.specs.service import Evaluate, Service
from headgate.stats.clustered import interval
from unit.evaluate.worlds import binary_world, days_of, frame_of
from unit.gate.evidence import ANCHOR, CHAMPION, GATE, model, service


def measured(frame: pl.DataFrame, spec: Service | None = None, **changes: Any) -> Evaluation:
    facts: dict[str, Any] = {
        "model": model(),
        "champion": model(CHAMPION),
        "anchor": model(ANCHOR),
        "latency": Latency(p50_ms=0.4, p99_ms=1.2, calls=300),
        "leaks": (),
        "overlap_rows": 0,
        "look": 1,
        "predictions_uri": Uri("predictions/flights/x"),
        "predictions_sha256": Digest("b" * 64),
        "window": GATE,
    }
    return measure(frame, spec or service(), **(facts | changes))


def metric(evaluation: Evaluation, name: str, role: Role) -> Measured:
    return next(m for m in evaluation.metrics if (m.metric, m.role) == (name, role))


def comparison(evaluation: Evaluation, name: str, against: Role) -> Comparison:
    return next(c for c in evaluation.comparisons if (c.metric, c.against) == (name, against))


def value(evaluation: Evaluation, name: str, role: Role) -> float:
    found = metric(evaluation, name, role).estimate
    assert found is not None
    return found.value


def world(seed: int = 1, **changes: Any) -> pl.DataFrame:
    return binary_world(np.random.default_rng(seed), **changes)


def multiclass_frame(labels: list[str | None], **roles: dict[str, list[float]]) -> pl.DataFrame:
    columns = {f"{role}.{name}": values for role, shares in roles.items() for name, values in shares.items()}
    rows = len(labels)
    return pl.DataFrame(
        {"id": [str(n) for n in range(rows)], "time": None, "cluster": days_of(rows, 2), "label": labels, **columns},
        schema_overrides={"time": pl.Datetime("us"), "label": pl.String},
    )


@pytest.mark.parametrize("column", ["id", "time", "cluster", "label"])
def test_predictions_without_a_column_are_refused(column: str) -> None:
    """Named, with what was found and what to do."""
    with pytest.raises(PermanentError, match=f"have no column '{column}'"):
        measured(world().drop(column))


def test_predictions_without_a_candidate_are_refused() -> None:
    """There is nothing to evaluate."""
    with pytest.raises(PermanentError, match="none of the candidate"):
        measured(world().drop("candidate"))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, None])
def test_a_prediction_that_is_no_number_leaves_no_metric(wrong: float | None) -> None:
    """One NaN among the candidate's predictions: no estimate, and the reason; the champion still has one."""
    frame = world().with_columns(candidate=pl.when(pl.col("id") == "r5").then(wrong).otherwise("candidate"))

    found = measured(frame)

    assert metric(found, "auc", "candidate").estimate is None
    assert "1 of 600 predictions are NaN or infinite" in str(metric(found, "auc", "candidate").reason)
    assert comparison(found, "auc", "champion").delta is None
    assert comparison(found, "auc", "champion").reason
    assert metric(found, "auc", "champion").estimate is not None
    assert [c.role for c in found.calibration] == ["champion"]


def test_one_class_only_leaves_no_auc_but_a_log_loss() -> None:
    """A gate window in which nothing was late."""
    found = measured(world().with_columns(label=0.0))

    assert metric(found, "auc", "candidate").estimate is None
    assert metric(found, "log_loss", "candidate").estimate is not None


def test_no_labelled_rows_leave_no_metric_and_raise_nothing() -> None:
    """All labels still missing."""
    found = measured(world().with_columns(label=pl.lit(None, dtype=pl.Float64)))

    assert (found.rows, found.clusters, found.labels_missing, found.rows_missing_share) == (0, 0, 600, 1.0)
    assert {m.estimate for m in found.metrics} == {None}
    assert found.calibration == ()


def test_no_rows_at_all_raise_nothing() -> None:
    """An empty gate window is for the gate to refuse."""
    found = measured(world().clear())

    assert (found.rows, found.labels_missing, found.rows_missing_share) == (0, 0, 0.0)


def test_every_role_is_measured_on_the_same_rows() -> None:
    """Candidate, champion, anchor and baseline, each metric once, labelled rows only."""
    frame = world().with_columns(label=pl.when(pl.int_range(pl.len()) % 10 == 3).then(None).otherwise("label"))

    found = measured(frame)

    keys = [(m.metric, m.role) for m in found.metrics]
    assert keys == [(m, r) for m in ("auc", "log_loss") for r in ("candidate", "champion", "anchor", "baseline")]
    assert {m.estimate.rows for m in found.metrics if m.estimate} == {540}
    assert (found.rows, found.clusters, found.labels_missing, found.rows_missing_share) == (540, 30, 60, 0.1)


def test_the_baseline_ranks_nothing() -> None:
    """A constant has an AUC of one half."""
    assert value(measured(world()), "auc", "baseline") == 0.5


def test_a_first_model_is_measured_beside_the_baseline_alone() -> None:
    """Without champion and anchor there is one comparison a metric."""
    found = measured(world().drop("champion", "anchor"), champion=None, anchor=None)

    assert {c.against for c in found.comparisons} == {"baseline"}


def test_differences_are_the_candidates_less_the_others() -> None:
    """Value of the delta, and an error smaller than of two separate samples because rows are paired."""
    frame = world(clustered=False).with_columns(champion=pl.col("candidate") * 0.9 + 0.05 * pl.col("anchor"))

    found = measured(frame)

    delta, own = comparison(found, "auc", "champion").delta, metric(found, "auc", "candidate").estimate
    assert delta is not None
    assert own is not None
    assert delta.value == pytest.approx(value(found, "auc", "candidate") - value(found, "auc", "champion"))
    assert delta.standard_error < own.standard_error / 2


def test_days_that_differ_widen_the_interval() -> None:
    """Clustered by day the error is larger than row by row, where days have a noise of their own."""
    frame = world(3, rows=3000, days=30)

    by_day = measured(frame, service())
    by_row = measured(frame, service(data=type(service().data)(reader="x", label=service().data.label)))

    wide, narrow = (comparison(found, "log_loss", "champion").delta for found in (by_day, by_row))
    assert wide is not None
    assert narrow is not None
    assert wide.standard_error > 1.5 * narrow.standard_error
    assert (wide.clusters, narrow.clusters) == (30, 3000)
    assert (by_day.clustered_by, by_row.clustered_by) == ("day", None)


def test_metrics_the_service_names_come_first_and_the_usual_ones_follow() -> None:
    """Policy packs may ask for the usual ones."""
    found = measured(world(), service(evaluate=Evaluate(metrics=("brier",))))

    assert list(dict.fromkeys(m.metric for m in found.metrics)) == ["brier", "auc", "log_loss"]


def test_a_metric_that_only_a_rule_names_is_measured_too() -> None:
    """A service's own rule is never about a number that is missing."""
    rules = (gate.Floor(metric="accuracy", limit=0.5), gate.Floor(metric="rmse", limit=1.0))

    found = measured(world(), service(gate=gate.Gate(rules=rules)))

    assert list(dict.fromkeys(m.metric for m in found.metrics)) == ["auc", "log_loss", "accuracy"]


def test_worst_cases_hold_whatever_the_missing_labels_are() -> None:
    """Manski bounds contain the delta for each filling; without missing labels there are none."""
    frame = world(rows=200, days=10)
    holed = frame.with_columns(label=pl.when(pl.int_range(pl.len()) % 20 == 0).then(None).otherwise("label"))

    bounds = {m: comparison(measured(holed), m, "champion").worst_case for m in ("auc", "log_loss")}

    assert comparison(measured(frame), "auc", "champion").worst_case is None
    for filling in (0.0, 1.0):
        filled = measured(holed.with_columns(pl.col("label").fill_null(filling)))
        for name, bound in bounds.items():
            delta = comparison(filled, name, "champion").delta
            assert bound is not None
            assert delta is not None
            assert bound[0] <= delta.value <= bound[1]


def test_regression_is_measured_in_the_labels_unit() -> None:
    """rmse and mae of candidate and of the mean."""
    label = np.array([1.0, 2.0, 3.0, 4.0])
    frame = frame_of(label, days_of(4, 2), {"candidate": label + 1, "baseline": 2.5})

    found = measured(frame, service("regression"), champion=None, anchor=None)

    assert value(found, "rmse", "candidate") == pytest.approx(1.0)
    assert value(found, "mae", "baseline") == pytest.approx(1.0)
    assert found.calibration[0].in_the_large.value == pytest.approx(-1.0)


def test_multiclass_is_measured_by_class_names() -> None:
    """Columns in any order; log loss of the class that came."""
    half = [0.5] * 4
    sure = {"dog": [0.9, 0.1, 0.9, 0.1], "cat": [0.1, 0.9, 0.1, 0.9]}
    frame = multiclass_frame(["dog", "cat", "dog", None], candidate=sure, baseline={"cat": half, "dog": half})

    found = measured(frame, service("multiclass"), champion=None, anchor=None)

    assert value(found, "log_loss", "candidate") == pytest.approx(-math.log(0.9))
    assert value(found, "log_loss", "baseline") == pytest.approx(math.log(2))
    assert value(found, "accuracy", "candidate") == 1.0
    assert (found.rows, found.labels_missing) == (3, 1)


def test_a_class_that_no_model_knows_counts_as_wrong() -> None:
    """A new class in the gate rows is not an error: every role gave it probability 0."""
    half = [0.5] * 4
    frame = multiclass_frame(["dog", "cat", "emu", "dog"], candidate={"cat": half, "dog": half})

    found = measured(frame, service("multiclass"), champion=None, anchor=None)

    assert value(found, "accuracy", "candidate") == 0.25
    assert value(found, "log_loss", "candidate") > 9


def test_a_champion_of_fewer_classes_is_compared() -> None:
    """The candidate learned a class that the champion does not have."""
    third, half = [1 / 3] * 4, [0.5] * 4
    classes = {"cat": third, "dog": third, "emu": third}
    frame = multiclass_frame(["dog", "cat", "emu", "dog"], candidate=classes, champion={"cat": half, "dog": half})

    found = measured(frame, service("multiclass"), anchor=None)

    delta = comparison(found, "log_loss", "champion").delta
    assert delta is not None
    assert delta.value < 0


def test_duplicate_ids_are_counted() -> None:
    """Rows beyond the first of an id."""
    frame = world().with_columns(id=pl.when(pl.col("id").is_in(["r1", "r2"])).then(pl.lit("r0")).otherwise("id"))

    assert measured(frame).duplicate_ids == 2


def test_the_window_is_the_gate_parts_unless_given() -> None:
    """A model's dataset says when its gate rows are."""
    elsewhere = Window(start=datetime(2014, 1, 1, tzinfo=UTC), end=datetime(2014, 2, 1, tzinfo=UTC))

    assert measured(world(), window=None).window is None
    assert measured(world(), window=elsewhere).window == elsewhere


def test_an_evaluation_survives_its_file() -> None:
    """No NaN or infinity is stored, whatever the predictions."""
    frame = world().with_columns(label=1.0, champion=math.nan)

    found = measured(frame)

    assert decode(encode(found), Evaluation) == found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(60)))
def test_the_order_of_rows_does_not_matter(seed: int, order: list[int]) -> None:
    """Shuffled predictions give the same evidence up to rounding."""
    frame = world(seed, rows=60, days=6)

    one, other = measured(frame), measured(frame[order])

    for a, b in zip(one.comparisons, other.comparisons, strict=True):
        assert (a.delta is None) == (b.delta is None)
        if a.delta and b.delta:
            assert interval(a.delta, 0.05) == pytest.approx(interval(b.delta, 0.05), abs=1e-9)
