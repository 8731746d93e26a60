"""A real server's own account of its answers: /sketch and the metrics, complete once it has drained."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.drift.kept import Reference
from headgate.drift.sketch import Sketch
from headgate.names import Name
from headgate.records.codec import decode, encode
from unit.serve.running import Running, World, changed, refused, rides, running, world


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Running]]:
    """One server for all tests of this file."""
    made = world(tmp_path_factory.mktemp("seen"))
    with running(made.options()) as server:
        yield made, server


def test_answered_rows_are_sketched_and_refused_ones_are_not(served: tuple[World, Running]) -> None:
    """Within a second or so; the page is a record, the counters are of the same rows."""
    made, server = served
    for request in (rides(3), changed(rides(), "city", data=["basel"]), rides(2)):
        server.infer(request)
    line = f'headgate_sketch_rows_total{{model="{server.facts["model"]}",service="rides"}}'
    ends = time.monotonic() + 10
    while server.metric(line) < 5 and time.monotonic() < ends:
        time.sleep(0.05)

    answer = server.ask("/sketch")

    sketch = decode(answer.body, Sketch)
    assert (made.sha256, None, 0) == (sketch.model, sketch.reference, sketch.skipped)
    assert [("2024-05-01", 5)] == [(day.day, day.rows) for day in sketch.days]
    assert {"city", "distance", "hour", "score"} == set(sketch.days[0].columns)
    assert 5 == server.metric(line)


def test_a_reference_of_another_model_is_refused_at_the_start(tmp_path: Path) -> None:
    """Its bins would be those of other rows."""
    made = world(tmp_path)
    other = Reference(service=Name("rides"), model="a" * 64, block="P7D", rows=0, columns=())
    (tmp_path / "other.json").write_bytes(encode(other))

    code, said = refused(made.options(reference=tmp_path / "other.json"))
    absent = refused(made.options(reference=tmp_path / "none.json"))

    assert (1, 1) == (code, absent[0])
    assert "is the drift reference of model aaaaaaaaaaaa" in said
    assert "no drift reference" in absent[1]
