"""Join: every prediction once, with the label that was known when its window closed, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError, TransientError
from headgate.join import closes_at, join
from headgate.names import Digest, Name, Uri
from headgate.records.dataset import Window
from headgate.specs.service import Data, Label, Service

START = datetime(2024, 5, 1, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=1))
SPEC = Service(
    service=Name("rides"),
    task="binary",
    data=Data(reader="rows.csv", time="at", label=Label(column="late", matures_after=timedelta(hours=12))),
)
A, B = "a" * 64, "b" * 64


def predictions(*rows: tuple[str, float, str]) -> pl.DataFrame:
    """(id, hours after START, model), answered in this order."""
    return pl.DataFrame(
        {
            "id": [row[0] for row in rows],
            "time": [START + timedelta(hours=row[1]) for row in rows],
            "at": [datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=k) for k in range(len(rows))],
            "model": [row[2] for row in rows],
            "prediction": [0.1 * k for k in range(len(rows))],
        },
        schema_overrides={"time": pl.Datetime("us", "UTC"), "at": pl.Datetime("us", "UTC"), "id": pl.String},
    )


def labels(*rows: tuple[str, bool | None, float]) -> pl.DataFrame:
    """(id, label, known so many hours after START)."""
    return pl.DataFrame(
        {
            "id": [row[0] for row in rows],
            "label": [row[1] for row in rows],
            "known_at": [START + timedelta(hours=row[2]) for row in rows],
        },
        schema={"id": pl.String, "label": pl.Boolean, "known_at": pl.Datetime("us", "UTC")},
    )


def test_predictions_without_a_needed_column_are_refused_by_its_name() -> None:
    """A frame from elsewhere says which column it lacks."""
    frame = predictions(("x", 1, A)).drop("model")

    with pytest.raises(PermanentError, match="predictions have no column 'model'"):
        join(frame, labels(), SPEC, WINDOW)


def test_labels_without_ids_are_refused() -> None:
    """Labels can only be joined by id."""
    with pytest.raises(PermanentError, match="labels have no column 'id'"):
        join(predictions(("x", 1, A)), labels().drop("id"), SPEC, WINDOW)


def test_a_window_whose_labels_can_still_come_is_not_joined_yet() -> None:
    """Asked before maturity it is a matter of time: exit 75."""
    early = WINDOW.end + timedelta(hours=12) - timedelta(microseconds=1)

    with pytest.raises(TransientError, match="can come until 2024-05-02T12:00:00"):
        join(predictions(("x", 1, A)), labels(), SPEC, WINDOW, as_of=early)


def test_a_window_is_joined_from_the_moment_it_closes() -> None:
    """The moment itself is late enough."""
    facts, _ = join(predictions(("x", 1, A)), labels(("x", True, 2)), SPEC, WINDOW, as_of=closes_at(WINDOW, SPEC))

    assert (facts.predictions, facts.labelled) == (1, 1)


def test_a_window_without_predictions_makes_no_record() -> None:
    """There is no model that gave most of no answers."""
    facts, frame = join(predictions(), labels(("x", True, 2)), SPEC, WINDOW)

    assert (facts.predictions, facts.missing, frame.height) == (0, 0, 0)
    with pytest.raises(PermanentError, match="nothing was predicted"):
        facts.record(Name("rides"), Name("prod"), Uri("w/1"), Digest(A))


def test_windows_are_half_open() -> None:
    """The start belongs to a window, the end to the next one."""
    rows = predictions(("before", -0.001, A), ("start", 0, A), ("last", 23.999, A), ("end", 24, A))

    _, frame = join(rows, labels(), SPEC, WINDOW)

    assert frame["id"].to_list() == ["start", "last"]


def test_of_two_answers_to_one_id_the_first_counts() -> None:
    """A client's retry may have met another model; what it was told first is what counts."""
    rows = predictions(("x", 1, A), ("y", 2, A), ("x", 1, B), ("x", 1, B))

    facts, frame = join(rows, labels(("x", True, 2), ("y", False, 3)), SPEC, WINDOW)

    assert (facts.predictions, facts.duplicates) == (2, 2)
    assert frame["model"].to_list() == [A, A]
    assert pytest.approx(frame["prediction"].to_list()) == [0.0, 0.1]


def test_a_missing_label_keeps_its_prediction_in_the_frame() -> None:
    """The worst case of missing labels needs their rows."""
    facts, frame = join(predictions(("x", 1, A), ("y", 2, A)), labels(("y", True, 3)), SPEC, WINDOW)

    assert (facts.predictions, facts.labelled, facts.missing) == (2, 1, 1)
    assert frame["label"].to_list() == [None, True]


def test_a_null_label_is_none() -> None:
    """A cancelled flight's row says nothing, and takes back nothing."""
    facts, frame = join(
        predictions(("x", 1, A), ("y", 2, A)),
        labels(("x", None, 2), ("y", True, 3), ("y", None, 4)),
        SPEC,
        WINDOW,
    )

    assert (facts.labelled, facts.missing, facts.late, facts.corrections) == (1, 1, 0, 0)
    assert frame["label"].to_list() == [None, True]


def test_a_label_that_came_after_the_window_closed_is_late_and_takes_no_part() -> None:
    """Joined today or in a year, a window has the same labels."""
    facts, frame = join(
        predictions(("x", 1, A), ("y", 2, A)), labels(("x", True, 36), ("y", True, 36.001)), SPEC, WINDOW
    )

    assert (facts.labelled, facts.missing, facts.late) == (1, 1, 1)
    assert frame["label"].to_list() == [True, None]


def test_of_several_labels_the_last_known_in_time_counts() -> None:
    """Corrections count until the window closes, whatever order they stand in."""
    told = labels(("x", True, 9), ("x", False, 3), ("x", False, 40), ("y", True, 3), ("y", True, 4))

    facts, frame = join(predictions(("x", 1, A), ("y", 2, A)), told, SPEC, WINDOW)

    assert frame["label"].to_list() == [True, True]
    assert (facts.corrections, facts.late) == (1, 0)


def test_labels_without_known_at_are_all_in_time() -> None:
    """A source that keeps no such time is taken at its word."""
    facts, _ = join(predictions(("x", 1, A)), labels(("x", True, 999)).drop("known_at"), SPEC, WINDOW)

    assert (facts.labelled, facts.late) == (1, 0)


def test_labels_of_ids_never_asked_for_are_left_out() -> None:
    """More labels than predictions change nothing."""
    facts, frame = join(predictions(("x", 1, A)), labels(("x", True, 2), ("z", True, 2)), SPEC, WINDOW)

    assert (facts.predictions, facts.labelled, frame["id"].to_list()) == (1, 1, ["x"])


def test_the_record_names_the_model_of_most_answers_and_counts_each() -> None:
    """The champion changed within the window."""
    rows = predictions(("x", 1, A), ("y", 2, B), ("z", 3, B))

    facts, frame = join(rows, labels(), SPEC, WINDOW)
    record = facts.record(Name("rides"), Name("prod"), Uri("w/1"), Digest(A))

    assert (record.model, record.models) == (B, {B: 2, A: 1})
    assert frame["model"].to_list() == [A, B, B]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("vwxyz"), st.floats(-2, 26), st.sampled_from([A, B])), max_size=12),
    st.lists(st.tuples(st.sampled_from("vwxyz"), st.sampled_from([True, False, None]), st.floats(0, 60)), max_size=12),
)
def test_every_answer_and_every_label_is_accounted_for(asked: list[Any], told: list[Any]) -> None:
    """The facts agree with a plain loop over the same rows."""
    facts, frame = join(predictions(*asked), labels(*told), SPEC, WINDOW)

    inside = [(id_, model) for id_, hours, model in asked if in_window(hours)]
    first: dict[str, str] = {}
    for id_, model in inside:
        first.setdefault(id_, model)
    in_time = sorted((row for row in told if micro(row[2]) <= micro(36)), key=lambda row: micro(row[2]))
    best = {id_: label for id_, label, _ in in_time if label is not None}
    assert len(first) == facts.predictions == facts.labelled + facts.missing
    assert len(inside) == facts.predictions + facts.duplicates
    assert {id_: (model, best.get(id_)) for id_, model in first.items()} == {
        row["id"]: (row["model"], row["label"]) for row in frame.iter_rows(named=True)
    }
    assert facts.late <= facts.missing


def micro(hours: float) -> timedelta:
    return timedelta(hours=hours)


def in_window(hours: float) -> bool:
    return timedelta(0) <= micro(hours) < timedelta(hours=24)


def test_a_label_that_says_its_rows_time_is_of_no_other_row() -> None:
    """An id may come again tomorrow: yesterday's label is not today's, whatever the order they came in."""
    told = labels(("x", True, 3), ("x", False, 4)).with_columns(
        time=pl.Series([START + timedelta(hours=1), START - timedelta(hours=23)])
    )

    facts, frame = join(predictions(("x", 1, A), ("y", 2, A)), told, SPEC, WINDOW)

    assert frame["label"].to_list() == [True, None]
    assert (facts.labelled, facts.corrections, facts.late) == (1, 0, 0)


def test_labels_with_and_without_their_rows_time_correct_each_other() -> None:
    """The time only says which row; of its labels the last known in time counts."""
    told = labels(("x", True, 3), ("x", False, 4), ("x", True, 5)).with_columns(
        time=pl.Series([START + timedelta(hours=1), None, START - timedelta(hours=23)])
    )

    facts, frame = join(predictions(("x", 1, A)), told, SPEC, WINDOW)

    assert (frame["label"].to_list(), facts.corrections) == ([False], 1)
