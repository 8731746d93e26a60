"""What became of a trigger: waits, runs, answered, failed, given up; each is shown, and none waits for ever."""

import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from headgate.cli.past import BEGUN, folder_of, keep, past_run, path_of, runs
from headgate.cli.trigger import Decided
from headgate.cli.wiring import Project, open_project
from headgate.records.codec import decode, encode
from headgate.records.live import Trigger
from headgate.trigger import PastRun
from unit.cli.terminal import Terminal


def asked(live: Terminal, reason: str = "look") -> Trigger:
    """Ask for a run as a person."""
    made = decode(live("trigger", "--person", reason, "--output", "json").out.encode(), Decided).trigger
    assert made is not None
    return made


def project_of(live: Terminal) -> Project:
    return open_project(live.folder / "service.yaml", None)


def begun(project: Project, made: Trigger) -> Path:
    """Let a run of the trigger have begun, and be gone."""
    folder = folder_of(project, made)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BEGUN).write_bytes(encode(made))
    (folder / ".lock").touch()
    return folder


def state(project: Project, made: Trigger) -> PastRun:
    return past_run(made, folder_of(project, made), ())


def test_a_trigger_that_nobody_answers_is_shown(live: Terminal) -> None:
    """With the command that would."""
    made = asked(live)

    shown = live("status").out

    assert f"trigger {made.key} waits for its run" in shown
    assert f"headgate run --trigger {path_of(project_of(live), made.key)}" in shown


def test_a_run_that_is_held_is_under_way(live: Terminal) -> None:
    """It hangs nowhere."""
    project, made = project_of(live), asked(live)
    folder = begun(project, made)

    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        under_way, shown = state(project, made), live("status").out

    assert (False, False) == (under_way.ended, under_way.failed)
    assert made.key not in shown


def test_a_crashed_run_is_tried_again_and_then_given_up(live: Terminal) -> None:
    """Three attempts by the same name; each is shown with what failed, and the last says so."""
    project, made = project_of(live), asked(live)
    shown, attempts = [], []
    for _ in range(3):
        folder = begun(project, made)
        (folder / "collect.json").write_text("{}")
        (folder / "validate.log").write_text("reading\nerror: the disk is gone\n")
        shown.append(live("status").out)
        decided = decode(live("trigger", "--output", "json").out.encode(), Decided)
        attempts.append(decided.trigger.attempt if decided.trigger else decided.decision)
        made = decided.trigger or made

    assert [2, 3, "quiet"] == attempts
    assert "attempt 1 of 3 of run ct-orders-" in shown[0]
    assert "failed at validate: error: the disk is gone" in shown[0]
    assert "was given up: 3 attempts failed, the last at validate: error: the disk is gone" in shown[2]
    assert "--trigger" in shown[2]


def test_a_next_attempt_that_is_decided_waits_for_its_run(live: Terminal) -> None:
    """The records in its folder are of the attempt before."""
    project, made = project_of(live), asked(live)
    begun(project, made)
    again = msgspec.structs.replace(made, attempt=2)

    waits = state(project, again)

    assert (False, False) == (waits.ended, waits.failed)


def test_a_run_that_passed_and_proposed_nothing_yet_has_failed(live: Terminal) -> None:
    """It died between the gate and the proposal: nobody would ever be asked."""
    project, made = project_of(live), asked(live)
    folder = begun(project, made)
    verdict = project.workspace.latest / "verdict.json"
    (folder / "gate.json").write_bytes(verdict.read_bytes())

    died = state(project, made)
    (folder / "propose.json").write_text("{}")

    assert (False, True) == (died.ended, died.failed)
    assert (True, "pass") == (state(project, made).ended, state(project, made).verdict)


def test_a_run_without_its_source_fails_and_one_that_is_stopped_does_not(live: Terminal) -> None:
    """A crash is an attempt; Ctrl-C and SIGTERM take the attempt back, and the trigger waits."""
    project, made = project_of(live), asked(live)
    command = [sys.executable, "-m", "headgate", "run", "--trigger", str(path_of(project, made.key))]
    (live.folder / "orders.csv").rename(live.folder / "away.csv")
    crashed = subprocess.run(command, cwd=live.folder, capture_output=True, text=True, check=False)
    failed, mark = state(project, made), folder_of(project, made) / BEGUN
    crashed_at = mark.stat().st_mtime_ns
    (live.folder / "away.csv").rename(live.folder / "orders.csv")
    with subprocess.Popen(command, cwd=live.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        waited(lambda: mark.stat().st_mtime_ns != crashed_at)  # before its own mark it would leave the crash's
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)

    assert (1, True) == (crashed.returncode, failed.failed)
    assert 143 == code
    stopped = state(project, made)
    assert (False, False) == (stopped.ended, stopped.failed)


def waited(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_triggers_are_told_oldest_first(live: Terminal) -> None:
    """Whatever their keys are."""
    project = project_of(live)
    first = asked(live)
    later = msgspec.structs.replace(first, key="0" * 12, at=first.at.replace(year=first.at.year + 1))
    keep(project, later)

    assert [first.key, later.key] == [run.trigger.key for run in runs(project, first.environment, ())]
