"""Runs a graph on this machine: each step is a subprocess, record file in, record file out."""

import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal

import msgspec

from headgate.adapters.durable import replace_file
from headgate.errors import speaking
from headgate.graph.engines.children import Children, ended_by_signals
from headgate.graph.engines.holding import locked
from headgate.graph.step import Step, check

TRANSIENT = 75
SIGNALLED = 128
"""A shell's convention: this plus the number of the signal that ended a process."""
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
    """Holds `<verb>.json` and `<verb>.log`; a run that was interrupted here goes on where it ended."""
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

    def log(self, verb: str) -> Path:
        return self.folder / f"{verb}.log"

    def known(self, step: Step) -> Path:
        """What says that the step was done: the record itself for a pure one, a mark in this run's folder else."""
        return self.cache / f"{key(step, self)}.json" if step.pure else self.folder / f".{step.verb}.{key(step, self)}"


def run(
    plan: Run, report: Callable[[StepEnd], None], workers: int = 2, begin: Callable[[], None] = lambda: None
) -> dict[str, StepEnd]:
    """Run every step whose turn comes, two at a time; a step after a failed one is not started.

    `begin` is called once the run is this process's alone, and nothing is left of an earlier one of its name.

    On Ctrl-C, SIGTERM and SIGHUP (in the main thread), and on any error, the steps that run are ended first.
    """
    check(plan.graph)
    plan.folder.mkdir(parents=True, exist_ok=True)
    plan.cache.mkdir(parents=True, exist_ok=True)
    children = Children()
    with ended_by_signals(), locked(plan.folder / ".lock") as lock, ThreadPoolExecutor(workers) as pool:
        clear(plan)
        begin()
        try:
            ends = drive(plan, lambda step, ends: pool.submit(run_step, step, plan, ends, children, lock), report)
        except BaseException:
            children.end()
            raise
        forget(plan, ends)
    return ends


def drive(
    plan: Run,
    submit: Callable[[Step, Mapping[str, StepEnd]], Future[StepEnd]],
    report: Callable[[StepEnd], None],
) -> dict[str, StepEnd]:
    """Submit every step when what it needs has ended well, and return how all ended."""
    ends: dict[str, StepEnd] = {}
    waiting = list(plan.graph)
    running: dict[Future[StepEnd], str] = {}
    while waiting or running:
        for step in [step for step in waiting if is_ready(step, ends)]:
            waiting.remove(step)
            running[submit(step, ends)] = step.verb
        if not running:
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            end = ends[running.pop(future)] = future.result()
            report(end)
    return ends


def clear(plan: Run) -> None:
    """Remove the records of an earlier run of this name; nobody may take them for this one's.

    One that was interrupted goes on: what it collected and proposed stays, as only the folder knows of it.
    """
    goes_on = all(plan.known(step).exists() for step in plan.graph if step.reads is None)
    for step in plan.graph:
        if step.pure or not goes_on:
            plan.record(step.verb).unlink(missing_ok=True)
        if not goes_on:
            plan.log(step.verb).unlink(missing_ok=True)
            unmark(step, plan)


def forget(plan: Run, ends: Mapping[str, StepEnd]) -> None:
    """Let the same run collect and propose anew, unless it is to go on where a transient failure stopped it."""
    if not any(end.exit_code == TRANSIENT for end in ends.values()):
        for step in plan.graph:
            unmark(step, plan)


def unmark(step: Step, plan: Run) -> None:
    """Forget that a step was done in this folder, and what a killed process half wrote."""
    for mark in plan.folder.glob(f".{step.verb}.*"):
        mark.unlink()


def is_ready(step: Step, ends: Mapping[str, StepEnd]) -> bool:
    """Say whether everything the step needs has ended well."""
    return all(verb in ends and ends[verb].outcome != "failed" for verb in step.needs)


def run_step(step: Step, plan: Run, ends: Mapping[str, StepEnd], children: Children, lock: int) -> StepEnd:
    """Run one step, unless it is not wanted or its record is known."""
    started = time.monotonic()
    if is_not_needed(step, plan, ends):
        reason = f"only if {step.when}" if step.when else "without its input"
        return StepEnd(verb=step.verb, outcome="not needed", seconds=0.0, detail=reason)
    known, record = plan.known(step), plan.record(step.verb)
    if known.exists() and (step.pure or record.exists()):
        if step.pure:
            keep(known.read_bytes(), record)
        return StepEnd(verb=step.verb, outcome="seen before", seconds=time.monotonic() - started, attempts=0)
    code, attempts = attempt(step, plan, children, lock)
    left = record.exists()
    if code == 0 and left:
        keep(record.read_bytes() if step.pure else b"", known)
    return StepEnd(
        verb=step.verb,
        outcome="done" if code == 0 and left else "failed",
        seconds=time.monotonic() - started,
        exit_code=code if code or left else 1,
        detail=explain(code, plan.log(step.verb), left=left),
        attempts=attempts,
    )


def attempt(step: Step, plan: Run, children: Children, lock: int) -> tuple[int, int]:
    """Start the step until it ends other than transiently, at most `retries` times more; return (exit code, tries).

    Its log tells of these tries alone.
    """
    plan.log(step.verb).unlink(missing_ok=True)
    for tried in range(1, step.retries + 2):
        code = start(step, plan, children, lock)
        if code != TRANSIENT or tried > step.retries or children.ending.wait(BACKOFF_SECONDS * 2**tried):
            break
    return code, tried


def explain(code: int, log: Path, *, left: bool) -> str:
    """Return what a person reads of a step that failed, nothing of one that did not."""
    if code == 0:
        return "" if left else f"exit 0, and it left no record\n{tail(log)}".strip()
    if code > SIGNALLED:
        return f"ended by signal {code - SIGNALLED}\n{tail(log)}".strip()
    return tail(log)


def is_not_needed(step: Step, plan: Run, ends: Mapping[str, StepEnd]) -> bool:
    """Say whether the step's condition is false, or a step it reads or asks about was itself not needed."""
    if any(ends[verb].outcome == "not needed" for verb in step.needs):
        return True
    return step.when is not None and not step.when.holds(plan.record(step.when.step).read_bytes())


def key(step: Step, plan: Run) -> str:
    """Return the digest of everything the step's record is made from: data, code, params and lock."""
    hashed = hashlib.sha256(step.verb.encode())
    hashed.update(plan.record(step.reads).read_bytes() if step.reads else b"")
    for text in (*plan.arguments.get(step.verb, ()), plan.facts.get(step.verb, "")):
        hashed.update(b"\0" + text.encode())
    return hashed.hexdigest()


def start(step: Step, plan: Run, children: Children, lock: int) -> int:
    """Run the step's process once and return its exit code; past the deadline it is ended and counts as transient."""
    record, log = plan.record(step.verb), plan.log(step.verb)
    record.unlink(missing_ok=True)
    unmark(step, plan)
    source = ("--from", str(plan.record(step.reads))) if step.reads else ()
    arguments = (*plan.common, *plan.arguments.get(step.verb, ()))
    command = [*plan.program, step.verb, *source, "--out", str(record), *arguments]
    code = children.run(command, log, step.deadline, lock)
    if code is None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{step.verb} is ended: its deadline of {step.deadline} is over\n")
        return TRANSIENT
    return code if code >= 0 else SIGNALLED - code


def keep(content: bytes, path: Path) -> None:
    """Write a file that is either whole or absent."""
    with speaking(f"write {str(path)!r}"):
        replace_file(path, content)


def tail(log: Path, lines: int = 6) -> str:
    """Return the last lines of a step's log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
