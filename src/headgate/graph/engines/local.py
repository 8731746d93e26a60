"""Runs a graph on this machine: each step is a subprocess, record file in, record file out."""

import fcntl
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from headgate.errors import TransientError
from headgate.graph.step import Step, check

TRANSIENT = 75
BACKOFF_SECONDS = 0.5
Outcome = Literal["done", "seen before", "not needed", "failed"]


class StepEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How one step ended."""

    verb: str
    outcome: Outcome
    seconds: float
    exit_code: int = 0
    detail: str = ""
    attempts: int = 1


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run lives and what its steps are started with."""

    graph: tuple[Step, ...]
    folder: Path
    """Holds `<verb>.json` and `<verb>.log`; a record that is there is not made again."""
    cache: Path
    """Records by the digest of what made them, shared by all runs."""
    program: tuple[str, ...]
    """`(python, -m, headgate)`."""
    common: tuple[str, ...] = ()
    """Arguments every verb is given; they say where things are and change no record."""
    arguments: Mapping[str, tuple[str, ...]]
    """More arguments, by verb."""
    facts: Mapping[str, str]
    """What a verb depends on beside its record (code, params, lock, champion), by verb."""

    def record(self, verb: str) -> Path:
        return self.folder / f"{verb}.json"


def run(plan: Run, report: Callable[[StepEnd], None], workers: int = 2) -> dict[str, StepEnd]:
    """Run every step whose turn comes, two at a time; a step after a failed one is not started."""
    check(plan.graph)
    plan.folder.mkdir(parents=True, exist_ok=True)
    plan.cache.mkdir(parents=True, exist_ok=True)
    ends: dict[str, StepEnd] = {}
    with locked(plan.folder / ".lock") as lock, ThreadPoolExecutor(workers) as pool:
        waiting = list(plan.graph)
        running: dict[Future[StepEnd], str] = {}
        while waiting or running:
            for step in [step for step in waiting if is_ready(step, ends)]:
                waiting.remove(step)
                running[pool.submit(run_step, step, plan, ends, lock)] = step.verb
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                end = ends[running.pop(future)] = future.result()
                report(end)
    return ends


def is_ready(step: Step, ends: Mapping[str, StepEnd]) -> bool:
    """Say whether everything the step needs has ended well."""
    needed = {step.reads, step.when.step if step.when else None} - {None}
    return all(verb in ends and ends[verb].outcome != "failed" for verb in needed if verb)


def run_step(step: Step, plan: Run, ends: Mapping[str, StepEnd], lock: int) -> StepEnd:
    """Run one step, unless it is not wanted or its record is known."""
    started = time.monotonic()
    if is_not_needed(step, plan, ends):
        return StepEnd(verb=step.verb, outcome="not needed", seconds=0.0, detail=f"unless {step.when or 'its input'}")
    known = plan.cache / f"{key(step, plan)}.json"
    if step.pure and known.exists():
        keep(known.read_bytes(), plan.record(step.verb))
        return StepEnd(verb=step.verb, outcome="seen before", seconds=time.monotonic() - started)
    attempts = 0
    code = TRANSIENT
    while code == TRANSIENT and attempts <= step.retries:
        if attempts:
            time.sleep(BACKOFF_SECONDS * 2**attempts)
        attempts += 1
        code = start(step, plan, lock)
    if code == 0 and step.pure:
        keep(plan.record(step.verb).read_bytes(), known)
    return StepEnd(
        verb=step.verb,
        outcome="done" if code == 0 else "failed",
        seconds=time.monotonic() - started,
        exit_code=code,
        detail="" if code == 0 else tail(plan.folder / f"{step.verb}.log"),
        attempts=attempts,
    )


def is_not_needed(step: Step, plan: Run, ends: Mapping[str, StepEnd]) -> bool:
    """Say whether the step's condition is false, or the step it reads was itself not needed."""
    if step.reads is not None and ends[step.reads].outcome == "not needed":
        return True
    return step.when is not None and not step.when.holds(plan.record(step.when.step).read_bytes())


def key(step: Step, plan: Run) -> str:
    """Return the digest of everything the step's record is made from: data, code, params and lock."""
    hashed = hashlib.sha256(step.verb.encode())
    hashed.update(plan.record(step.reads).read_bytes() if step.reads else b"")
    for text in (*plan.arguments.get(step.verb, ()), plan.facts.get(step.verb, "")):
        hashed.update(b"\0" + text.encode())
    return hashed.hexdigest()


def start(step: Step, plan: Run, lock: int) -> int:
    """Start the step's process and return its exit code; past the deadline it is ended and counts as transient."""
    source = ("--from", str(plan.record(step.reads))) if step.reads else ()
    command = [
        *plan.program,
        step.verb,
        *source,
        "--out",
        str(plan.record(step.verb)),
        *plan.common,
        *plan.arguments.get(step.verb, ()),
    ]
    with (plan.folder / f"{step.verb}.log").open("ab") as log:
        # The child inherits the run's lock: if this process dies, the next run waits until the child has ended.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,))
        try:
            return process.wait(timeout=step.deadline.total_seconds())
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return TRANSIENT


def keep(content: bytes, path: Path) -> None:
    """Write a file that is either whole or absent."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def tail(log: Path, lines: int = 6) -> str:
    """Return the last lines of a step's log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


@contextmanager
def locked(path: Path, wait_seconds: float = 60.0) -> Iterator[int]:
    """Hold a lock that the kernel frees when its last holder dies; yield its descriptor."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as err:
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"run {path.parent.name!r} is held by another process", next_step="wait for it, then run again"
                    ) from err
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)
