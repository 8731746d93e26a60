"""Counting without a frame gives what drift counts of the frame, cell by cell; and its steps are small."""

import os
import sys
import threading
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.drift.columns import profile_like, scores_frame
from headgate.features import compute
from headgate.serve.observers.background import LOWEST, Background
from headgate.serve.observers.batching import Batch, Waiting
from headgate.serve.observers.bins import decades, numbers, of_contract
from headgate.serve.observers.counting import Counting, NumberColumn, WordColumn
from headgate.serve.observers.tally import Tally
from headgate.serve.protocols.v2 import decode
from headgate.specs.contract import ColumnType
from headgate.stats.profile import Categories, Profile
from unit.serve.test_direct import SERVICE, VALUES, WORDS, ask, door, signature

EDGES = (-1.5, 0.0, 0.1, 1e300)
NOTHING = np.empty(0)


def rest() -> None:
    """Take no pause."""


def profile_in(counting: Counting, empty: Profile, name: str, batches: list[Batch]) -> Profile | None:
    """Return one column's profile of several batches, counted as the rows of two days and added up."""
    whole = Tally()
    for batch in batches:
        groups = np.arange(batch.rows.count, dtype=np.intp) % 2
        columns = list(counting.count(batch.rows, batch.scores, groups, rest))
        for day, rows in enumerate(np.bincount(groups).tolist()):
            tally = Tally()
            tally.add(rows, columns, day)
            assert {rows} >= {int(cells.sum()) for cells in tally.cells.values()}
            whole.merge(tally)
    assert whole.rows == sum(batch.rows.count for batch in batches)
    return whole.day("", {name: empty}).columns.get(name)


@given(st.lists(st.floats() | st.sampled_from(EDGES), max_size=30))
def test_numbers_are_counted_as_drift_counts_them(values: list[float]) -> None:
    """NaN, both infinities, the very edges, and no values at all."""
    for empty in (numbers(np.array(EDGES)), decades(), numbers(NOTHING)):
        column = NumberColumn(empty.cuts, lambda _, scores: scores)

        cells = np.bincount(column.places(None, np.array(values, dtype=np.float64)), minlength=column.width)  # type: ignore[arg-type]

        expected = profile_like(pl.Series("x", values, pl.Float64), empty)
        assert [*expected.counts, expected.infinite, expected.nulls] == cells.tolist()  # type: ignore[union-attr]


@given(st.lists(st.none() | st.sampled_from([*WORDS, "unknown", ""]) | st.text(max_size=3), max_size=30))
def test_words_are_counted_as_drift_counts_them(words: list[str | None]) -> None:
    """Null, unseen ones with the first few names, and no words at all."""
    empty = Categories(known=WORDS, counts=(0,) * len(WORDS))
    column, rows = WordColumn(WORDS, "x"), type("Rows", (), {"columns": {"x": words}})
    groups = np.zeros(len(words), dtype=np.intp)
    tally, places = Tally(), column.places(rows, NOTHING)  # type: ignore[arg-type]

    tally.grow("x", np.bincount(places, minlength=column.width), column.unseen(rows, places, groups).get(0, set()))  # type: ignore[arg-type]

    assert profile_like(pl.Series("x", words, pl.String), empty) == tally.day("", {"x": empty}).columns["x"]


Sent = tuple[dict[str, list[Any]], int]


@st.composite
def sent(draw: st.DrawFn, kinds: Any) -> tuple[dict[str, ColumnType], list[Sent]]:
    """Return the types of a contract, and several requests that have some of them, or all."""
    types: dict[str, ColumnType] = {f"c{place}": draw(kinds) for place in range(draw(st.integers(1, 3)))} | {
        "z": "number"
    }
    asked = []
    for _ in range(draw(st.integers(1, 3))):
        count = draw(st.integers(1, 3))
        names = draw(st.just(list(types)) | st.lists(st.sampled_from(sorted(types)), min_size=1, unique=True))
        values = {name: st.lists(st.none() | VALUES[types[name]], min_size=count, max_size=count) for name in names}
        asked.append(({name: draw(values[name]) for name in names}, count))
    return types, asked


@settings(max_examples=25)
@given(sent(st.sampled_from(sorted(VALUES))) | sent(st.just("number")), st.integers(1, 4))
def test_admitted_rows_are_counted_as_their_frame(case: tuple[dict[str, ColumnType], list[Sent]], most: int) -> None:
    """Whatever the columns' types, whichever are absent, in batches that cut requests in two."""
    types, asked = case
    at_the_door, model = door(types), signature(types)
    rows = [at_the_door.admit(decode(ask(types, *request))) for request in asked]
    scores = [np.linspace(-5, 5, one.count) for one in rows]
    waiting = Waiting(at_the_door.types)
    for one, answered in zip(rows, scores, strict=True):
        waiting.add(one, answered)
    bins = {**of_contract(model, at_the_door.contract), "c0": decades(), "at": decades(), "wind": decades()}
    counting, batches = Counting(at_the_door, SERVICE, model, bins), list(waiting.batches(most))

    found = {name: profile_in(counting, empty, name, batches) for name, empty in bins.items()}

    frame = pl.concat([compute(at_the_door.frame(one), SERVICE) for one in rows])
    whole = frame.hstack(scores_frame(np.concatenate(scores)))
    expected = {
        name: profile_like(whole[name], empty) if name in whole.columns else None for name, empty in bins.items()
    }
    assert expected == found
    assert max(batch.rows.count for batch in batches) <= most
    assert (0, None) == (waiting.count, waiting.take(1))


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_only_the_background_steps_back() -> None:
    """The process's other threads keep their priority."""
    seen: list[int] = []
    done = threading.Event()

    class Looking:
        def fold(self, _pause: Any) -> None:
            seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            done.set()

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    background = Background([Looking()])  # type: ignore[list-item]

    assert done.wait(5)
    background.stop()
    assert seen[0] == LOWEST
    assert before == os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
