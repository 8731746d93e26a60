"""A feature made from the answer is found, in whatever form; honest ones, constants and ids are not."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from headgate.evaluate.leaks import MOST, single_feature_leaks
from headgate.specs.service import Task
from unit.evaluate.worlds import days_of, frame_of
from unit.gate.evidence import service

ROWS = 400
RNG = np.random.default_rng(8)
LATE = (RNG.random(ROWS) < 0.3).astype(float)
NOISE = RNG.normal(size=ROWS)


def found(features: dict[str, object], label: object = LATE, task: Task = "binary") -> dict[str, float]:
    """Return the score of each feature that has one."""
    if task == "multiclass":
        classes = list(label)  # type: ignore[call-overload]
        frame = frame_of(np.zeros(len(classes)), days_of(len(classes), 4), {}).with_columns(
            pl.Series("label", classes), pl.lit(0.5).alias("candidate.a"), pl.lit(0.5).alias("candidate.b")
        )
    else:
        frame = frame_of(np.asarray(label, dtype=float), days_of(ROWS, 4), {"candidate": 0.5})
    leaks = single_feature_leaks(pl.DataFrame(features), frame, service(task))
    return {leak.feature: leak.score for leak in leaks}


@pytest.mark.parametrize(
    "copy",
    [LATE, -LATE, LATE + NOISE * 1e-3, LATE == 1, ["yes" if late else "no" for late in LATE]],
    ids=["copy", "turned", "noisy", "boolean", "words"],
)
def test_a_copy_of_the_label_scores_one(copy: object) -> None:
    """Whatever its form and direction."""
    assert found({"copy": copy})["copy"] == pytest.approx(1.0)


def test_a_value_that_is_there_only_when_the_answer_is_yes_scores_one() -> None:
    """The reason of a delay is missing where there was none."""
    reason = [float(n) if late else None for n, late in enumerate(LATE)]

    assert found({"reason": reason})["reason"] == pytest.approx(1.0)


def test_moments_are_compared_by_time() -> None:
    """The moment of arrival tells how late it was."""
    arrived = [datetime(2013, 1, 1) + timedelta(hours=late) for late in LATE]  # noqa: DTZ001 - naive means UTC

    assert found({"arrived": arrived})["arrived"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "empty",
    [[1.0] * ROWS, [None] * ROWS, [float("nan")] * ROWS, ["x"] * ROWS],
    ids=["constant", "null", "nan", "one word"],
)
def test_constant_and_empty_features_have_no_score(empty: list[object]) -> None:
    """Nothing can be told from them."""
    assert found({"empty": empty}) == {}


def test_a_column_of_ids_predicts_nothing() -> None:
    """A row never sees its own label, so unique values are worth a coin."""
    assert found({"id": [f"r{n}" for n in range(ROWS)]}) == {"id": 0.5}


def test_noise_scores_about_a_half() -> None:
    """An honest feature is far from the limit."""
    assert found({"noise": NOISE})["noise"] < 0.6


def test_the_strongest_comes_first_and_ten_are_kept() -> None:
    """Ties by name."""
    features: dict[str, object] = {f"f{n:02}": LATE + NOISE * (n + 1) for n in range(15)}

    scores = found(features)

    assert len(scores) == MOST
    assert list(scores.values()) == sorted(scores.values(), reverse=True)


def test_regression_uses_ranks() -> None:
    """Any monotone copy of the label scores one, noise about zero."""
    scores = found({"copy": np.exp(-NOISE), "noise": RNG.normal(size=ROWS)}, NOISE, "regression")

    assert scores["copy"] == pytest.approx(1.0)
    assert scores["noise"] < 0.2


def test_several_classes_are_all_told_apart_by_a_copy() -> None:
    """A code of the class scores one; a feature that knows one class of three does not."""
    classes = [["a", "b", "c"][n % 3] for n in range(ROWS)]
    features = {"code": [ord(name) for name in classes], "word": classes, "is_a": [name == "a" for name in classes]}

    scores = found(features, classes, "multiclass")

    assert scores["code"] == pytest.approx(1.0)
    assert scores["word"] == pytest.approx(1.0)
    assert scores["is_a"] < 0.9


def test_rows_without_a_label_are_left_out() -> None:
    """A missing label says nothing about a feature."""
    holed = np.where(np.arange(ROWS) % 3 == 0, np.nan, LATE)

    assert found({"copy": LATE}, holed)["copy"] == pytest.approx(1.0)


def test_no_features_and_few_rows_raise_nothing() -> None:
    """Too few rows to score."""
    few = frame_of(np.array([0.0, 1.0, 1.0]), days_of(3, 1), {"candidate": 0.5})

    assert single_feature_leaks(pl.DataFrame({"x": [1, 2, 3]}), few, service()) == ()
    assert single_feature_leaks(pl.DataFrame({"x": [1, 2, 3]}), few, service("regression")) == ()
