"""Killed at any moment, then the same command again: all ends as if nothing had happened."""

from pathlib import Path

import pytest

from ring.journey import HOPS, RIDE, RING, RUN, Calm, Hop, Kill, Step, done, headgate, restore, same, spread

SAMPLED = 1
"""Points a hop in `make test`; all of them in `make test-full`."""
RIDES = [hop for hop, step in RING.items() if step == RIDE]
STEPS = ("collect", "train", "evaluate", "propose", "track")


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Calm:
    """Return the journeys without a crash, shared by all workers."""
    base = tmp_path_factory.getbasetemp()
    return Calm((base if worker_id == "master" else base.parent) / "calm")


def by_hand(calm: Calm) -> dict[str, Hop]:
    return calm.journey("by-hand", HOPS)


def one_run(calm: Calm) -> dict[str, Hop]:
    return calm.journey("run", RUN, by_hand(calm)["init"].after)


def rides(calm: Calm) -> dict[str, Hop]:
    return calm.journey("ring", RING, by_hand(calm)["merge"].after)


def survives(hop: Hop, step: Step, workspace: Path, kill: Kill) -> None:
    """Kill one step at one point, take it again, and expect what a calm one leaves.

    A ring may pass fewer points than the calm one did: how often it keeps what a held canary has counted differs.
    """
    assert not callable(step)
    restore(hop.before, workspace)
    killed = headgate(workspace, *step, kill=kill)
    assert killed.returncode != 0 or step == RIDE, f"nothing was killed at point {kill.at}"

    done(headgate(workspace, *step))

    same(hop.after, workspace)


def every(points: list[str]) -> range:
    return range(1, len(points) + 1)


@pytest.mark.parametrize("name", HOPS)
def test_a_command_that_was_killed_is_made_again(name: str, calm: Calm, tmp_path: Path) -> None:
    """By hand, hop by hop: no duplicate, no half file, nothing lost."""
    hop = by_hand(calm)[name]

    for at in spread(hop.points, SAMPLED):
        survives(hop, HOPS[name], tmp_path / "workspace", Kill(HOPS[name][0], at))


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", HOPS)
def test_a_command_that_was_killed_anywhere_is_made_again(name: str, calm: Calm, tmp_path: Path) -> None:
    """Every point of every hop."""
    hop = by_hand(calm)[name]

    for at in every(hop.points):
        survives(hop, HOPS[name], tmp_path / "workspace", Kill(HOPS[name][0], at))


def test_a_run_whose_engine_was_killed_goes_on(calm: Calm, tmp_path: Path) -> None:
    """The engine alone dies; a step that still runs is waited for, and what was done is not done again."""
    hop = one_run(calm)["run"]

    for at in spread(hop.points, SAMPLED):
        survives(hop, RUN["run"], tmp_path / "workspace", Kill("run", at))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_run_whose_engine_was_killed_anywhere_goes_on(calm: Calm, tmp_path: Path) -> None:
    """Every point of the engine's own."""
    hop = one_run(calm)["run"]

    for at in every(hop.points):
        survives(hop, RUN["run"], tmp_path / "workspace", Kill("run", at))


@pytest.mark.parametrize("verb", [pytest.param("train", marks=pytest.mark.full), "propose"])
def test_a_run_whose_step_was_killed_says_so_and_goes_on(verb: str, calm: Calm, tmp_path: Path) -> None:
    """As when the kernel ends a step for want of memory: exit 137, and the same command again."""
    hop, workspace = one_run(calm)["run"], tmp_path / "workspace"
    restore(hop.before, workspace)
    points = by_hand(calm)[verb].points

    killed = headgate(workspace, *RUN["run"], kill=Kill(verb, len(points) // 2))

    assert killed.returncode == 137
    assert "ended by signal 9" in killed.stderr
    done(headgate(workspace, *RUN["run"]))
    same(hop.after, workspace)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", STEPS)
def test_a_run_whose_step_was_killed_anywhere_goes_on(verb: str, calm: Calm, tmp_path: Path) -> None:
    """Every fourth point of the steps that keep something."""
    hop = one_run(calm)["run"]

    for at in every(by_hand(calm)[verb].points)[::4]:
        survives(hop, RUN["run"], tmp_path / "workspace", Kill(verb, at))


@pytest.mark.parametrize("name", RIDES)
def test_a_ring_that_was_killed_goes_on(name: str, calm: Calm, tmp_path: Path) -> None:
    """A first deploy, a canary that is promoted, one that is aborted and reverted: each is told exactly once."""
    hop = rides(calm)[name]

    for at in spread(hop.points, SAMPLED):
        survives(hop, RIDE, tmp_path / "workspace", Kill("ring", at))


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", RIDES)
def test_a_ring_that_was_killed_anywhere_goes_on(name: str, calm: Calm, tmp_path: Path) -> None:
    """Every point."""
    hop = rides(calm)[name]

    for at in every(hop.points):
        survives(hop, RIDE, tmp_path / "workspace", Kill("ring", at))


@pytest.mark.parametrize("at", [8, *(pytest.param(at, marks=pytest.mark.full) for at in range(1, 16) if at != 8)])
def test_mlflow_told_by_a_killed_process_is_told_once(at: int, calm: Calm, tmp_path: Path) -> None:
    """One finished run and one model version, however often the telling was killed."""
    before, workspace = by_hand(calm)["track"].before, tmp_path / "workspace"
    expected = calm.told_to_mlflow(before)
    restore(before, workspace)
    headgate(workspace, "track", kill=Kill("track", at), tracker="mlflow")

    done(headgate(workspace, "track", tracker="mlflow"))

    same(expected, workspace)


@pytest.mark.parametrize("name", ["collect", pytest.param("train", marks=pytest.mark.full)])
def test_ctrl_c_ends_a_command_with_130_and_the_same_command_goes_on(name: str, calm: Calm, tmp_path: Path) -> None:
    """Nothing is left behind, and the person is told that nothing is lost."""
    hop, workspace = by_hand(calm)[name], tmp_path / "workspace"
    for at in spread(hop.points, SAMPLED):
        restore(hop.before, workspace)

        stopped = headgate(workspace, *HOPS[name], kill=Kill(name, at, "SIGINT"))

        assert (130, "stopped; the same command goes on where this one ended") == (
            stopped.returncode,
            stopped.stderr.strip(),
        )
        assert not list(workspace.glob(".temps/*"))
        done(headgate(workspace, *HOPS[name]))
        same(hop.after, workspace)


def test_ctrl_c_ends_a_run_and_the_same_run_goes_on(calm: Calm, tmp_path: Path) -> None:
    """The steps end first, then the engine."""
    hop, workspace = one_run(calm)["run"], tmp_path / "workspace"
    restore(hop.before, workspace)

    stopped = headgate(workspace, *RUN["run"], kill=Kill("run", len(hop.points) // 2, "SIGINT"))

    assert stopped.returncode == 130
    done(headgate(workspace, *RUN["run"]))
    same(hop.after, workspace)


@pytest.mark.parametrize(
    "name", [name if name in {"collect", "propose"} else pytest.param(name, marks=pytest.mark.full) for name in HOPS]
)
def test_a_full_disk_is_named_and_the_same_command_goes_on(name: str, calm: Calm, tmp_path: Path) -> None:
    """No file grows beyond a few bytes: a clear error, no traceback, and with room again all is as if never full."""
    hop, workspace = by_hand(calm)[name], tmp_path / "workspace"
    restore(hop.before, workspace)

    full = headgate(workspace, *HOPS[name], largest_file=16)

    assert full.returncode in {1, 75}, full.stderr
    assert "\nerror: " in f"\n{full.stderr}"
    assert "Traceback" not in full.stderr
    done(headgate(workspace, *HOPS[name]))
    same(hop.after, workspace)
