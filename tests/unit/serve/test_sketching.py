"""Sketches: exactly the counts of the answered rows, bounded, mergeable, and what drift says of those rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from headgate import features
from headgate.drift import reference as drift_reference
from headgate.drift import report as drift_report
from headgate.drift import sketch as drift_sketch
from headgate.drift import sketched
from headgate.drift.columns import profile_like, scores_frame
from headgate.drift.kept import Reference
from headgate.drift.sketch import Sketch, SketchDay, merge
from headgate.errors import PermanentError
from headgate.names import Name
from headgate.records.codec import decode, encode
from headgate.records.codec import digest as digest_of
from headgate.records.dataset import Window
from headgate.serve.observers import bins
from headgate.serve.observers.background import Background, Pause
from headgate.serve.observers.batching import Waiting
from headgate.serve.observers.sketching import MOST_DAYS, Sketching
from headgate.serve.protocols.v2 import decode as decode_request
from headgate.serve.setup.preparing import prepare
from headgate.serve.setup.served import Served
from headgate.serve.telemetry.sketch_metrics import SketchMetrics
from headgate.specs.drift import Drift
from headgate.stats.profile import Numbers, rows
from unit.serve.running import EIGHT, World, changed, rides, world

DAY = timedelta(days=1)


@dataclass
class Bench:
    """A model ready to answer, without a server around it."""

    made: World
    served: Served

    def sketching(self, **bins_of: Any) -> Sketching:
        predictor = self.served.predictor
        plain = bins.of_contract(predictor.loaded.signature, self.served.door.contract)
        return Sketching(predictor, bins_of.get("bins", plain), bins_of.get("reference"))

    def answer(self, sketching: Sketching, request: dict[str, Any]) -> tuple[pl.DataFrame, np.ndarray]:
        admitted = self.served.door.admit(decode_request(json.dumps(request).encode()))
        scores = self.served.predictor.answer(admitted)
        sketching.offer(admitted, scores)
        return self.served.door.frame(admitted), scores


@pytest.fixture(scope="module", params=["binary", "multiclass"])
def bench(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """One of each kind of answer."""
    made = world(tmp_path_factory.mktemp("sketch"), task=request.param)
    served = prepare(made.options(log_dir=None), made.sha256)
    yield Bench(made, served)
    served.background.stop()


def mixed(count: int, first: datetime = EIGHT) -> list[dict[str, Any]]:
    """Return requests of one and of several rows, some with missing values, over three days."""
    found = []
    for k in range(count):
        request = rides(1 + k % 3, first=first + k % 3 * DAY, rider=k)
        distances = [None if k % 5 == 0 else 0.5 * k + j for j in range(1 + k % 3)]
        found.append(changed(request, "distance", data=distances))
    return found


def features_of(bench: Bench, frame: pl.DataFrame, scores: np.ndarray) -> pl.DataFrame:
    predictor = bench.served.predictor
    signature = predictor.loaded.signature
    made = features.compute(frame, predictor.spec, predictor.function)
    return made.hstack(scores_frame(scores, signature.classes if signature.task == "multiclass" else ()))


def test_a_sketch_is_the_count_of_the_answered_rows(bench: Bench) -> None:
    """Day by day, column by column: the profile of the very features, whatever the batches were."""
    sketching = bench.sketching()
    asked = []
    for place, request in enumerate(mixed(40)):
        asked.append(bench.answer(sketching, request))
        if place % 7 == 0:
            sketching.fold(Pause())
    sketching.fold(Pause())

    found = sketching.sketch()

    frame = pl.concat([frame for frame, _ in asked])
    whole = features_of(bench, frame, np.concatenate([scores for _, scores in asked]))
    assert 3 == len(found.days)
    assert 0 == found.skipped
    for day in found.days:
        own = whole.filter(frame["at"].dt.date() == datetime.fromisoformat(day.day).date())
        assert own.height == day.rows
        assert day.columns == {name: profile_like(own[name], empty) for name, empty in sketching.bins.items()}


def test_two_servers_sketches_add_up_to_one(bench: Bench) -> None:
    """In any order, and through their bytes."""
    one, other, both = (bench.sketching() for _ in range(3))
    for place, request in enumerate(mixed(30)):
        bench.answer(one if place % 2 else other, request)
        bench.answer(both, request)
    for sketching in (one, other, both):
        sketching.fold(Pause())

    sent = [decode(encode(sketching.sketch()), Sketch) for sketching in (one, other)]

    assert both.sketch() == merge(*sent) == merge(*reversed(sent))


def test_drift_says_of_the_sketch_what_it_says_of_the_rows(bench: Bench) -> None:
    """The same report, from a few kilobytes instead of the log."""
    window = Window(start=datetime(2024, 5, 1, tzinfo=UTC), end=datetime(2024, 5, 4, tzinfo=UTC))
    spec = bench.served.predictor.spec
    spec = msgspec.structs.replace(spec, drift=msgspec.structs.replace(spec.drift, min_rows=20, window=DAY))
    signature = bench.served.predictor.loaded.signature
    learned, times, scores = training(bench)
    reference = drift_reference.build(
        learned, times, spec, bench.made.sha256, scores=scores, score_times=times,
        classes=signature.classes if signature.task == "multiclass" else (),
    )  # fmt: skip
    sketching = bench.sketching(bins=bins.of_reference(reference), reference=digest_of(reference))
    asked = [bench.answer(sketching, request) for request in mixed(120)]
    sketching.fold(Pause())

    by_sketch = sketched.report(sketching.sketch(), reference, spec.drift, window, environment=Name("prod"))

    given = features.compute(pl.concat([frame for frame, _ in asked]), spec, bench.served.predictor.function)
    answered = np.concatenate([scores for _, scores in asked])
    by_rows = drift_report.report(given, answered, reference, spec.drift, window, environment=Name("prod"))
    assert by_rows == by_sketch
    assert "drifted" in {column.outcome for column in by_sketch.columns}


def training(bench: Bench) -> tuple[pl.DataFrame, pl.Series, np.ndarray]:
    """Return features, times and scores of five quiet days."""
    asked = [bench.answer(bench.sketching(), rides(100, first=EIGHT - (2 + day) * DAY)) for day in range(5)]
    frame = pl.concat([frame for frame, _ in asked])
    predictor = bench.served.predictor
    made = features.compute(frame, predictor.spec, predictor.function)
    return made, frame["at"], np.concatenate([scores for _, scores in asked])


def test_a_sketch_in_other_bins_is_not_compared() -> None:
    """Nor is a window of hours, which it did not count."""
    reference = Reference(service=Name("rides"), model="a" * 64, block="P1D", rows=0, columns=())
    sketch = Sketch(service=Name("rides"), model="a" * 64, days=())
    policy = Drift(min_rows=20)
    noon = Window(start=datetime(2024, 5, 1, 12, tzinfo=UTC), end=datetime(2024, 5, 2, tzinfo=UTC))

    with pytest.raises(PermanentError, match="bins are those of the contract"):
        sketched.report(sketch, reference, policy, noon, environment=Name("prod"))
    own = msgspec.structs.replace(sketch, reference=digest_of(reference))
    with pytest.raises(PermanentError, match="counts whole days"):
        sketched.report(own, reference, policy, noon, environment=Name("prod"))


def test_sketches_of_two_models_do_not_add_up() -> None:
    """Nor those in the bins of two references."""
    one = Sketch(service=Name("rides"), model="a" * 64, days=())

    for other in (
        msgspec.structs.replace(one, model="b" * 64),
        msgspec.structs.replace(one, reference="c" * 64),
        msgspec.structs.replace(one, service=Name("trips")),
    ):
        with pytest.raises(PermanentError, match="don't add up"):
            merge(one, other)


def test_rows_of_too_many_days_are_dropped_and_counted(bench: Bench) -> None:
    """A client that makes up times cannot fill the memory, nor push out the days that are real."""
    sketching = bench.sketching()
    for _ in range(5):
        bench.answer(sketching, rides(10))
    for year in range(1900, 1990):
        bench.answer(sketching, rides(1, first=datetime(year, 1, 1)))  # noqa: DTZ001 - as clients send it

    sketching.fold(Pause())

    found = sketching.sketch()
    assert MOST_DAYS == len(found.days)
    assert 50 == next(day for day in found.days if day.day == "2024-05-01").rows
    assert 140 == sum(day.rows for day in found.days) + found.skipped


def test_rows_that_find_no_room_are_shed_and_counted(bench: Bench) -> None:
    """An answer never waits; one large request alone is taken."""
    sketching = bench.sketching()
    sketching.waiting = Waiting(bench.served.door.types, most=10)

    for count in (50, 5):
        bench.answer(sketching, rides(count))
    sketching.fold(Pause())
    for count in (5, 5, 1):
        bench.answer(sketching, rides(count))
    sketching.fold(Pause())

    assert (60, 6) == (sketching.sketch().days[0].rows, sketching.sketch().skipped)


def test_features_that_fail_later_cost_their_rows_alone(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """They are counted as skipped, it is said once, and the next rows count."""
    sketching = bench.sketching()
    background = Background([sketching])
    good = bench.served.door.admit(decode_request(json.dumps(rides(3)).encode()))
    bad = msgspec.structs.replace(good, columns={**good.columns, "seats": [7, 7, 7]})
    scores = bench.served.predictor.answer(good)

    for rows_ in (bad, bad, good):
        sketching.offer(rows_, scores)
        background.fold()
    background.stop()

    assert (3, 6) == (sketching.sketch().days[0].rows, sketching.sketch().skipped)
    assert 1 == capsys.readouterr().err.count("seven seats are one too many")


def test_what_prometheus_reads_is_small_and_only_grows(bench: Bench) -> None:
    """Odd values by column and kind, the answers as a histogram; forgotten days stay counted."""
    sketching = bench.sketching()
    for request in mixed(30):
        bench.answer(sketching, request)
    sketching.fold(Pause())
    registry = CollectorRegistry()
    registry.register(SketchMetrics("rides", "abc", sketching))

    text = generate_latest(registry).decode()

    whole = reduce(drift_sketch.together, sketching.sketch().days)
    assert f'headgate_sketch_rows_total{{model="abc",service="rides"}} {float(whole.rows)}' in text
    nulls = whole.columns["distance"].nulls
    assert (
        f'headgate_odd_values_total{{column="distance",kind="null",model="abc",service="rides"}} {float(nulls)}' in text
    )
    name = bins.score_names(bench.served.predictor.loaded.signature)[0]
    assert f'headgate_score_bucket{{le="+Inf",model="abc",output="{name}",service="rides"}} {float(whole.rows)}' in text
    assert len(text.splitlines()) < 120


@given(st.lists(st.floats(allow_nan=True), max_size=50), st.lists(st.floats(), max_size=50))
@settings(max_examples=50)
def test_bins_without_bounds_hold_every_number(one: list[float], other: list[float]) -> None:
    """None is lost, and parts add up."""
    empty = bins.decades()
    profiles = [profile_like(pl.Series("x", values, pl.Float64), empty) for values in (one, other, one + other)]
    assert all(isinstance(found, Numbers) for found in profiles)
    days = [SketchDay(day="d", rows=0, columns={"x": found}) for found in profiles if found]

    assert drift_sketch.together(days[0], days[1]).columns == days[2].columns
    assert rows(days[2].columns["x"]) == len(one) + len(other)
