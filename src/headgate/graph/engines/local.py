"""Runs a graph on this machine: each step is a subprocess, record file in, record file out."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal

import msgspec

from headgate.graph.engines.children import Children, ended_by_signals
from headgate.graph.engines.holding import locked
from headgate.graph.engines.progress import Run, Turn, clear, forget, keep, unmark
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
            ends = drive(plan, lambda turn: pool.submit(run_turn, turn, plan, children, lock), report)
        except BaseException:
            children.end()
            raise
        if not any(end.exit_code == TRANSIENT for end in ends.values()):  # else it goes on where it was stopped
            forget(plan)
    return ends


def drive(
    plan: Run, submit: Callable[[Turn], Future[StepEnd]], report: Callable[[StepEnd], None]
) -> dict[str, StepEnd]:
    """Submit every step when what it needs has ended well, and return how all ended."""
    ends: dict[str, StepEnd] = {}
    waiting = list(plan.graph)
    running: dict[str, list[Future[StepEnd]]] = {}
    while (ready := [step for step in waiting if is_ready(step, ends)]) or running:
        for step in ready:
            waiting.remove(step)
            why = unneeded(step, plan, ends)
            if futures := [] if why else [submit(turn) for turn in plan.turns(step)]:
                running[step.verb] = futures
            else:
                end = StepEnd(verb=step.verb, outcome="not needed", seconds=0.0, detail=why or "nothing to do it for")
                report(ends.setdefault(step.verb, end))
        for verb in settled(running):
            report(ends.setdefault(verb, whole(verb, [future.result() for future in running.pop(verb)])))
    return ends


def settled(running: Mapping[str, list[Future[StepEnd]]]) -> list[str]:
    """Wait until some process ends; return the steps that have no other one left."""
    pending = [future for futures in running.values() for future in futures if not future.done()]
    for future in wait(pending, return_when=FIRST_COMPLETED).done:
        future.result()
    return [verb for verb, futures in running.items() if all(future.done() for future in futures)]


def whole(verb: str, ends: list[StepEnd]) -> StepEnd:
    """Return how a step ended whose items ended so."""
    if len(ends) == 1:
        return ends[0]
    failed = sorted((end for end in ends if end.outcome == "failed"), key=lambda end: end.exit_code == TRANSIENT)
    return StepEnd(
        verb=verb,
        outcome="failed" if failed else "done" if any(end.outcome == "done" for end in ends) else "seen before",
        seconds=sum(end.seconds for end in ends),
        exit_code=failed[0].exit_code if failed else 0,
        detail=f"{len(failed)} of {len(ends)} failed; one of them:\n{failed[0].detail}" if failed else "",
        attempts=max(end.attempts for end in ends),
    )


def is_ready(step: Step, ends: Mapping[str, StepEnd]) -> bool:
    """Say whether everything the step needs has ended well."""
    return all(verb in ends and ends[verb].outcome != "failed" for verb in step.needs)


def run_turn(turn: Turn, plan: Run, children: Children, lock: int) -> StepEnd:
    """Run one process, unless its record is known."""
    started = time.monotonic()
    step, known, record = turn.step, plan.known(turn), plan.record(turn.name)
    if known.exists() and (step.pure or record.exists()):
        if step.pure:
            keep(known.read_bytes(), record)
        return StepEnd(verb=step.verb, outcome="seen before", seconds=time.monotonic() - started, attempts=0)
    code, attempts = attempt(turn, plan, children, lock)
    left = record.exists()
    if code == 0 and left:
        keep(record.read_bytes() if step.pure else b"", known)
    return StepEnd(
        verb=step.verb,
        outcome="done" if code == 0 and left else "failed",
        seconds=time.monotonic() - started,
        exit_code=code if code or left else 1,
        detail=explain(code, plan.log(turn.name), left=left),
        attempts=attempts,
    )


def attempt(turn: Turn, plan: Run, children: Children, lock: int) -> tuple[int, int]:
    """Start a process until it ends other than transiently, at most `retries` times more; return (exit code, tries).

    Its log tells of these tries alone.
    """
    plan.log(turn.name).unlink(missing_ok=True)
    for tried in range(1, turn.step.retries + 2):
        code = start(turn, plan, children, lock)
        if code != TRANSIENT or tried > turn.step.retries or children.ending.wait(BACKOFF_SECONDS * 2**tried):
            break
    return code, tried


def explain(code: int, log: Path, *, left: bool) -> str:
    """Return what a person reads of a step that failed, nothing of one that did not."""
    if code == 0:
        return "" if left else f"exit 0, and it left no record\n{tail(log)}".strip()
    if code > SIGNALLED:
        return f"ended by signal {code - SIGNALLED}\n{tail(log)}".strip()
    return tail(log)


def unneeded(step: Step, plan: Run, ends: Mapping[str, StepEnd]) -> str:
    """Return why a step is left out: its condition is false, or a step it needs was itself left out; else nothing."""
    told = f"only if {step.when}" if step.when else "without its input"
    if any(ends[verb].outcome == "not needed" for verb in step.needs):
        return told
    return "" if step.when is None or step.when.holds(plan.record(step.when.step).read_bytes()) else told


def start(turn: Turn, plan: Run, children: Children, lock: int) -> int:
    """Run a process once and return its exit code; past the deadline it is ended and counts as transient."""
    step, record, log = turn.step, plan.record(turn.name), plan.log(turn.name)
    record.unlink(missing_ok=True)
    unmark(plan, turn.name)
    source = ("--from", str(plan.record(step.reads))) if step.reads else ()
    arguments = (*plan.common, *turn.words, *plan.arguments.get(step.verb, ()))
    command = [*plan.program, step.verb, *source, "--out", str(record), *arguments]
    code = children.run(command, log, step.deadline, lock)
    if code is None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{step.verb} is ended: its deadline of {step.deadline} is over\n")
        return TRANSIENT
    return code if code >= 0 else SIGNALLED - code


def tail(log: Path, lines: int = 6) -> str:
    """Return the last lines of a step's log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
