"""Does the local engine run each step as often as it must, and no more?"""

from datetime import timedelta
from pathlib import Path

import pytest

from headgate.errors import PermanentError, TransientError
from headgate.graph.engines import local
from headgate.graph.engines.holding import locked
from headgate.graph.step import Step, When
from unit.graph.stage import Stage, all_ended

A = Step(verb="a")
B = Step(verb="b", reads="a")
C = Step(verb="c", reads="b")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return an empty stage on which nobody waits long between tries."""
    monkeypatch.setattr(local, "BACKOFF_SECONDS", 0.001)
    return Stage(tmp_path)


def test_a_program_that_is_not_there_is_named(stage: Stage) -> None:
    """Not a traceback of subprocess."""
    plan = stage.plan(A)
    plan = type(plan)(**{**{f: getattr(plan, f) for f in plan.__struct_fields__}, "program": ("/no/such",)})

    with pytest.raises(PermanentError, match="'/no/such' cannot be started"):
        local.run(plan, lambda _: None)


def test_a_graph_that_cannot_run_starts_nothing(stage: Stage) -> None:
    """The mistake is found before the first hour of training, not after."""
    with pytest.raises(PermanentError):
        stage.run(A, C)

    assert stage.events() == []


def test_each_step_is_given_the_record_of_the_one_it_reads(stage: Stage) -> None:
    """Record in, record out, in order."""
    ends = stage.run(A, B, C)

    assert [end.outcome for end in ends.values()] == ["done"] * 3
    assert stage.started() == ["a", "b", "c"]


def test_an_exit_75_is_tried_again(stage: Stage) -> None:
    """Transient: it may go well the next time."""
    stage.script("a", "exit:75", "exit:75", "ok")

    assert stage.run(A)["a"].outcome == "done"
    assert stage.started() == ["a"] * 3


def test_an_exit_75_is_not_tried_for_ever(stage: Stage) -> None:
    """And the run says that later it may go well."""
    stage.script("a", "exit:75")

    end = stage.run(Step(verb="a", retries=1))["a"]

    assert (end.outcome, end.exit_code, end.attempts) == ("failed", 75, 2)
    assert stage.started() == ["a"] * 2


@pytest.mark.parametrize(
    ("scene", "code"), [("exit:1", 1), ("exit:2", 2), ("exit:3", 3), ("exit:74", 74), ("die", 137)]
)
def test_no_other_end_is_tried_again(stage: Stage, scene: str, code: int) -> None:
    """The same command with the same inputs fails the same way."""
    stage.script("a", scene)

    end = stage.run(A)["a"]

    assert (end.outcome, end.exit_code, end.attempts) == ("failed", code, 1)
    assert stage.started() == ["a"]


def test_a_failed_step_shows_the_end_of_its_log(stage: Stage) -> None:
    """Nobody should have to look for a file first."""
    stage.script("a", "exit:1")
    stage.script("b", "die")

    ends = stage.run(A, Step(verb="b"))

    assert ends["a"].detail == "a says why it failed"
    assert ends["b"].detail.startswith("ended by signal 9")


def test_exit_0_without_a_record_is_a_failure(stage: Stage) -> None:
    """No silent success; a record of an earlier try does not count either."""
    stage.script("a", "ok", "nothing")
    impure = Step(verb="a", pure=False)
    stage.run(impure)

    end = stage.run(impure, B)

    assert (end["a"].outcome, end["a"].exit_code) == ("failed", 1)
    assert "left no record" in end["a"].detail
    assert "b" not in end


def test_a_failed_step_stops_its_followers_and_nobody_else(stage: Stage) -> None:
    """`b` needs `a`, `c` asks about `b`; `d` has nothing to do with them."""
    stage.script("a", "exit:1")
    asks = Step(verb="c", when=When(step="b", field="outcome", operator="!=", value="never"))

    ends = stage.run(A, B, asks, Step(verb="d"))

    assert {verb: end.outcome for verb, end in ends.items()} == {"a": "failed", "d": "done"}


def test_a_step_that_is_not_needed_takes_its_followers_with_it(stage: Stage) -> None:
    """Those that read it, and those that ask about it: it has no record."""
    stage.script("a", "say:fail")
    graph = (
        A,
        Step(verb="b", reads="a", when=When(step="a", field="outcome", operator="!=", value="fail")),
        C,
        Step(verb="d", when=When(step="b", field="outcome", operator="==", value="pass")),
    )

    ends = stage.run(*graph)

    assert [end.outcome for end in ends.values()] == ["done", "not needed", "not needed", "not needed"]
    assert stage.started() == ["a"]


def test_a_step_whose_inputs_were_seen_before_is_not_started_in_any_run(stage: Stage) -> None:
    """And its record is the same bytes, so that all that follows is known too."""
    stage.run(A, B, C)

    ends = stage.run(A, B, C, folder="another")

    assert [end.outcome for end in ends.values()] == ["seen before"] * 3
    assert stage.records() == stage.records("another")
    assert stage.started() == ["a", "b", "c"]


def test_another_fact_makes_a_step_anew_and_what_follows_only_if_its_record_changed(stage: Stage) -> None:
    """Code, params, lock and champion are facts."""
    stage.run(A, B, C)
    stage.facts["b"] = "other code"

    ends = stage.run(A, B, C, folder="another")

    assert [end.outcome for end in ends.values()] == ["seen before", "done", "seen before"]


def test_another_record_makes_its_reader_anew(stage: Stage) -> None:
    """Other data under the same name."""
    stage.script("a", "ok", "say:other")
    impure = Step(verb="a", pure=False)
    stage.run(impure, B)

    ends = stage.run(impure, B, folder="another")

    assert [end.outcome for end in ends.values()] == ["done", "done"]


def test_a_step_that_touches_the_world_is_done_again_when_the_run_had_ended(stage: Stage) -> None:
    """Source and forge may have moved; also when the run failed for good, and somebody mended the source."""
    impure = Step(verb="a", pure=False)
    stage.script("b", "exit:1", "ok")

    outcomes = [stage.run(impure, B)["a"].outcome for _ in range(3)]

    assert outcomes == ["done", "done", "done"]


def test_a_run_that_failed_transiently_goes_on_where_it_ended(stage: Stage) -> None:
    """The same rows, though the source has new ones: collected once."""
    impure = Step(verb="a", pure=False)
    stage.script("b", "exit:75", "ok")
    stage.run(impure, Step(verb="b", reads="a", retries=0))

    ends = stage.run(impure, B)

    assert [end.outcome for end in ends.values()] == ["seen before", "done"]


def test_steps_that_do_not_need_each_other_run_at_the_same_time(stage: Stage) -> None:
    """Each of the two waits for the other one: one after the other they would fail."""
    stage.script("b", "meet:c")
    stage.script("c", "meet:b")

    ends = stage.run(A, B, Step(verb="c", reads="a"))

    assert [end.outcome for end in ends.values()] == ["done"] * 3


def test_past_its_deadline_a_step_is_ended_with_all_it_started(stage: Stage) -> None:
    """A trainer's own workers too; and it counts as transient."""
    stage.script("a", "family")

    end = stage.run(Step(verb="a", retries=0, deadline=timedelta(seconds=1.5)))["a"]

    assert (end.outcome, end.exit_code) == ("failed", 75)
    assert "deadline of 0:00:01.500000 is over" in end.detail
    pids = [event.pid for event in stage.events()]
    assert len(pids) == 2
    assert all_ended(pids)


def test_an_error_of_the_listener_ends_the_steps_that_run(stage: Stage) -> None:
    """Nobody is left behind on any way out."""
    stage.script("b", "family")

    def listen(_: object) -> None:
        stage.until("child", "b")
        raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError):
        local.run(stage.plan(A, Step(verb="b")), listen)

    assert all_ended(event.pid for event in stage.events())


def test_a_run_held_by_another_process_is_transient(tmp_path: Path) -> None:
    """Two engines in one folder would write each other's records."""
    path = tmp_path / "ct-flights" / ".lock"
    path.parent.mkdir()

    with (
        locked(path),
        pytest.raises(TransientError, match="run 'ct-flights' is held"),
        locked(path, wait_seconds=0.1),
    ):
        pass


def test_a_run_removes_what_the_one_before_it_left(stage: Stage) -> None:
    """Nobody may take the verdict of last week's rows for an answer to rows that were refused today."""
    graph = (Step(verb="a", pure=False), B, Step(verb="c", reads="b", pure=False))
    stage.run(*graph)
    before = sorted(stage.records())
    stage.facts["a"] = "other rows"
    stage.script("b", "exit:1")
    stage.facts["b"] = "other contract"
    left: list[str] = []

    local.run(stage.plan(*graph), lambda _: None, begin=lambda: left.extend(stage.records()))

    assert ["a.json", "b.json", "c.json"] == before
    assert [] == left
    assert ["a.json"] == sorted(stage.records())
    assert not stage.plan().log("c").exists()


def test_a_run_that_goes_on_keeps_what_only_its_folder_knows(stage: Stage) -> None:
    """What was collected is not collected again."""
    graph = (Step(verb="a", pure=False), Step(verb="b", reads="a", retries=0))
    stage.script("b", "exit:75", "ok")
    stage.run(*graph)

    ends = stage.run(*graph)

    assert ["seen before", "done"] == [end.outcome for end in ends.values()]
    assert ["a", "b", "b"] == stage.started()
