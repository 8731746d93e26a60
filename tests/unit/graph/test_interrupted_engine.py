"""Does an engine that is ended from outside leave nobody behind and lose nothing?"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headgate.graph.step import Each, Step
from unit.graph.stage import Stage, all_ended, waited

ENGINE = """
import sys
from pathlib import Path
import msgspec
from headgate.graph.engines import children, local
from headgate.graph.step import Each, Step
from unit.graph.stage import Stage
children.GRACE_SECONDS = 0.3
stage = object.__new__(Stage)
stage.root = Path(sys.argv[1]); stage.plot = stage.root / "plot"; stage.facts = {}
graph = msgspec.json.decode((stage.root / "graph.json").read_bytes(), type=tuple[Step, ...])
local.run(stage.plan(*graph), lambda end: None)
"""
A = Step(verb="a", pure=False)
B = Step(verb="b", reads="a")
C = Step(verb="c", reads="b", pure=False)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return an empty stage."""
    return Stage(tmp_path)


@contextmanager
def engine(stage: Stage, *graph: Step) -> Iterator[subprocess.Popen[bytes]]:
    """Run an engine in a process of its own."""
    stage.write_plan(*graph)
    tests = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(stage.root)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((tests, os.environ.get("PYTHONPATH", "")))},
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("scene", ["family", "stubborn"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_to_the_engine_ends_every_process_of_the_run(
    stage: Stage, number: signal.Signals, code: int, scene: str
) -> None:
    """Those that two steps started, and those that don't listen; no follower starts, nor `d`, whose turn has come."""
    stage.script("a", scene)
    stage.script("b", "family")
    with engine(stage, A, Step(verb="b"), Step(verb="c", reads="a"), Step(verb="d")) as process:
        stage.until("child" if scene == "family" else "start", "a")
        stage.until("child", "b")
        process.send_signal(number)

        ended = process.wait(10)

    assert ended == code
    assert all_ended(event.pid for event in stage.events())
    assert sorted(stage.started()) == ["a", "b"]


def test_a_step_is_asked_to_end_before_it_is_forced(stage: Stage) -> None:
    """So that it can take its own temporary files away."""
    stage.script("a", "polite")
    with engine(stage, A) as process:
        stage.until("start", "a")
        process.send_signal(signal.SIGTERM)
        process.wait(10)

    assert [event.what for event in stage.events()] == ["start", "bye"]


def test_a_killed_engine_and_the_same_run_again_end_as_if_nothing_had_happened(stage: Stage) -> None:
    """What was done is not done again, what was being done is never done twice at once."""
    stage.script("b", "sleep:0.6", "ok")
    with engine(stage, A, B, C) as process:
        stage.until("start", "b")
        process.kill()
        process.wait()

    ends = stage.run(A, B, C)

    assert [end.outcome for end in ends.values()] == ["seen before", "done", "done"]
    assert stage.started() == ["a", "b", "b", "c"]
    first_end, second_start = (
        next(e.at for e in stage.events() if (e.what, e.verb) == ("end", "b")),
        [e.at for e in stage.events() if (e.what, e.verb) == ("start", "b")][1],
    )
    assert first_end < second_start
    calm = Stage(stage.root / "calm")
    calm.run(A, B, C)
    assert stage.records() == calm.records()


def test_a_run_that_was_interrupted_between_steps_goes_on(stage: Stage) -> None:
    """Ctrl-C, then the same command."""
    stage.script("b", "sleep:60", "ok")
    with engine(stage, A, B, C) as process:
        stage.until("start", "b")
        process.send_signal(signal.SIGINT)
        process.wait(10)

    ends = stage.run(A, B, C)

    assert [end.outcome for end in ends.values()] == ["seen before", "done", "done"]


def test_a_killed_engine_frees_the_run_as_soon_as_its_last_step_has_ended(stage: Stage) -> None:
    """The lock lives in the kernel: no stale file, no waiting for a timeout."""
    stage.script("a", "sleep:0.3")
    with engine(stage, A) as process:
        started = stage.until("start", "a")
        process.kill()
        process.wait()

    stage.run(A)

    assert all_ended([started.pid])
    assert stage.started() == ["a", "a"]


def test_a_killed_engine_goes_on_with_the_items_that_are_left(stage: Stage) -> None:
    """Those that ended well are not started again; the list is the one that was made then."""
    stage.script("a", "list:1,2,3")
    stage.script("b3", "sleep:60", "ok")
    graph = (
        A,
        Step(verb="b", reads="a", each=Each(field="items", option="item"), pure=False),
        Step(verb="c", after="b"),
    )
    with engine(stage, *graph) as process:
        stage.until("start", "b3")
        waited(lambda: len(list((stage.root / "run").glob(".b-[12].*"))) == 2 or None)
        process.kill()
        process.wait()
    os.kill(stage.until("start", "b3").pid, signal.SIGKILL)

    ends = stage.run(*graph)

    assert [end.outcome for end in ends.values()] == ["seen before", "done", "done"]
    assert sorted(stage.started()) == ["a", "b1", "b2", "b3", "b3", "c"]
