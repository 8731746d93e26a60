"""Gate rows and models to the predictions frame."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from headgate.errors import PermanentError
from headgate.evaluate.frame import Floats
from headgate.evaluate.predict import predict, trivial
from headgate.models.signature import Feature, Signature
from headgate.names import Name
from headgate.specs.service import Data, Evaluate, Label, Service, Task


class Rule:
    """A model that is one function of the features."""

    def __init__(
        self, function: Callable[[pl.DataFrame], Any], task: Task = "binary", classes: Sequence[str] = ("0", "1")
    ) -> None:
        self.function = function
        self.signature = Signature(
            service=Name("flights"), task=task, classes=tuple(classes), features=(Feature(name="hour", kind="number"),)
        )

    def predict(self, features: pl.DataFrame) -> Floats:
        return np.asarray(self.function(features), dtype=float)


ROWS = pl.DataFrame(
    {
        "at": [datetime(2013, 8, 1, hour) for hour in (6, 7, 8, 9)],  # noqa: DTZ001 - naive means UTC
        "flight": [1, 2, 3, 4],
        "hour": [6, 7, 8, 9],
        "origin": ["EWR", "JFK", None, "EWR"],
        "late": [0, 1, None, 1],
    }
)
HOUR = Rule(lambda features: features["hour"] / 10)


def spec(
    task: Task = "binary", slices: tuple[str, ...] = (), time: str | None = "at", cluster: str | None = "day"
) -> Service:
    data = Data(reader="x.csv", label=Label(column="late"), time=time, cluster=cluster, id=("flight",))
    return Service(service=Name("flights"), task=task, data=data, evaluate=Evaluate(slices=slices))


def test_without_a_candidate_there_is_nothing_to_predict() -> None:
    """Named as what it is."""
    with pytest.raises(PermanentError, match="no candidate"):
        predict(ROWS, spec(), None, {"champion": HOUR}, (0.5,))


def test_a_slice_that_is_no_column_is_refused() -> None:
    """With the column that may be meant."""
    with pytest.raises(PermanentError, match=r"names 'orign'.* Did you mean 'origin'\?"):
        predict(ROWS, spec(slices=("orign",)), None, {"candidate": HOUR}, (0.5,))


def test_models_of_other_classes_are_not_compared() -> None:
    """Probability of what? The champion answers another question."""
    other = Rule(lambda rows: rows["hour"], classes=("dog", "cat"))

    with pytest.raises(PermanentError, match="the champion tells dog from cat and the candidate 0 from 1"):
        predict(ROWS, spec(), None, {"candidate": HOUR, "champion": other}, (0.5,))


def test_every_role_has_a_column_on_the_same_rows() -> None:
    """Facts, roles, slices; a label that never came is null and its row is kept."""
    models = {"candidate": HOUR, "anchor": Rule(lambda rows: 1 - rows["hour"] / 10)}

    found = predict(ROWS, spec(slices=("origin",)), None, models, (0.25,))  # type: ignore[arg-type]

    assert found.columns == ["id", "time", "cluster", "label", "candidate", "anchor", "baseline", "slice.origin"]
    assert found["label"].to_list() == [0.0, 1.0, None, 1.0]
    assert found["candidate"].to_list() == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert found["anchor"].to_list() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert found["baseline"].to_list() == [0.25] * 4
    assert found["slice.origin"].to_list() == ["EWR", "JFK", "null", "EWR"]
    assert found["id"].to_list() == ["1", "2", "3", "4"]
    assert found["cluster"].n_unique() == 1


def test_without_event_time_and_clusters_rows_stand_alone() -> None:
    """Time is null, each row its own cluster."""
    found = predict(
        ROWS, spec(time=None, cluster=None), lambda rows, _: rows.select("hour"), {"candidate": HOUR}, (0.5,)
    )

    assert found["time"].null_count() == 4
    assert found["cluster"].n_unique() == 4


def test_models_see_what_the_feature_function_made() -> None:
    """The same function as in training; its columns can be slices too."""

    def doubled(rows: pl.DataFrame, _as_of: datetime | None) -> pl.DataFrame:
        return rows.select(hour=pl.col("hour") * 2, odd=pl.col("hour") % 2 == 1)

    found = predict(ROWS, spec(slices=("odd",)), doubled, {"candidate": HOUR}, (0.5,))

    assert found["candidate"].to_list() == pytest.approx([1.2, 1.4, 1.6, 1.8])
    assert found["slice.odd"].to_list() == ["false", "true", "false", "true"]


def test_a_champion_with_the_classes_the_other_way_round_is_turned() -> None:
    """P(positive) of one is P(negative) of the other."""
    turned = Rule(lambda rows: rows["hour"] / 10, classes=("1", "0"))

    found = predict(ROWS, spec(), None, {"candidate": HOUR, "champion": turned}, (0.5,))

    assert found["champion"].to_list() == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_several_classes_have_a_column_each() -> None:
    """A class that no training row had stays in the label."""
    rows = ROWS.with_columns(late=pl.Series(["no", "yes", None, "very"]))
    model = Rule(lambda rows: np.tile([0.7, 0.3], (rows.height, 1)), "multiclass", ("no", "yes"))

    found = predict(rows, spec("multiclass"), None, {"candidate": model}, (0.6, 0.4))

    assert found.columns[4:] == ["candidate.no", "candidate.yes", "baseline.no", "baseline.yes"]
    assert found["label"].to_list() == ["no", "yes", None, "very"]
    assert found["baseline.yes"].to_list() == [0.4] * 4


def test_regression_keeps_the_labels_unit() -> None:
    """Numbers in, numbers out."""
    rows = ROWS.with_columns(late=pl.Series([1.5, 2.5, None, 30.0]))

    found = predict(
        rows, spec("regression"), None, {"candidate": Rule(lambda rows: rows["hour"], "regression", ())}, (12.0,)
    )

    assert found["label"].to_list() == [1.5, 2.5, None, 30.0]
    assert found["baseline"].to_list() == [12.0] * 4


def test_the_trivial_predictor_knows_the_training_labels_only() -> None:
    """Share, shares or mean; no label at all is refused."""
    codes = np.array([0.0, 2.0, 2.0, np.nan, 2.0])

    assert trivial(codes, "multiclass", ("a", "b", "c")) == (0.25, 0.0, 0.75)
    assert trivial(codes, "regression") == (1.5,)
    with pytest.raises(PermanentError, match="have no label"):
        trivial(np.array([np.nan]), "binary")
