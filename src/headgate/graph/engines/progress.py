"""What is done of a run already? Its records, its marks and the cache say."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from headgate.adapters.durable import replace_file
from headgate.errors import speaking
from headgate.graph.step import Step


class Turn(msgspec.Struct, frozen=True):
    """One process of a run: a step's only one, or that of one item."""

    step: Step
    name: str
    words: tuple[str, ...] = ()


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run lives and what its steps are started with."""

    graph: tuple[Step, ...]
    folder: Path
    """Holds `<verb>.json` and `<verb>.log`, or `<verb>-<number>.…` of each item; a run that was interrupted here goes
    on where it ended."""
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

    def record(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def known(self, turn: Turn) -> Path:
        """What says that it was done: the record itself of a pure step, a mark in this run's folder else."""
        name = key(turn, self)
        return self.cache / f"{name}.json" if turn.step.pure else self.folder / f".{turn.name}.{name}"

    def turns(self, step: Step) -> list[Turn]:
        """Return the processes of a step: one, or one an item of the list in the record that it reads."""
        if step.each is None:
            return [Turn(step, step.verb)]
        items = step.each.items(self.record(str(step.reads)).read_bytes())
        return [
            Turn(step, f"{step.verb}-{number}", (f"--{step.each.option}", item)) for number, item in enumerate(items, 1)
        ]


def clear(plan: Run) -> None:
    """Remove the records of an earlier run of this name; nobody may take them for this one's.

    One that was interrupted goes on: what it collected and proposed stays, as only the folder knows of it.
    """
    goes_on = all(plan.known(Turn(step, step.verb)).exists() for step in plan.graph if not step.needs)
    for step in plan.graph:
        if step.pure or not goes_on:
            remove(plan, step, ".json")
        if not goes_on:
            remove(plan, step, ".log")
    if not goes_on:
        forget(plan)


def remove(plan: Run, step: Step, suffix: str) -> None:
    """Remove a step's records or logs, whatever its items were called."""
    for path in (plan.folder / f"{step.verb}{suffix}", *plan.folder.glob(f"{step.verb}-[0-9]*{suffix}")):
        path.unlink(missing_ok=True)


def forget(plan: Run) -> None:
    """Let the same run collect and propose anew."""
    for step in plan.graph:
        for name in (step.verb, f"{step.verb}-[0-9]*"):
            unmark(plan, name)


def unmark(plan: Run, name: str) -> None:
    """Forget that something was done in this folder, and what a killed process half wrote."""
    for mark in plan.folder.glob(f".{name}.*"):
        mark.unlink()


def key(turn: Turn, plan: Run) -> str:
    """Return the digest of everything a record is made from: data, code, params and lock."""
    step = turn.step
    hashed = hashlib.sha256(step.verb.encode())
    hashed.update(plan.record(step.reads).read_bytes() if step.reads else b"")
    for text in (*turn.words, *plan.arguments.get(step.verb, ()), plan.facts.get(step.verb, "")):
        hashed.update(b"\0" + text.encode())
    return hashed.hexdigest()


def keep(content: bytes, path: Path) -> None:
    """Write a file that is either whole or absent."""
    with speaking(f"write {str(path)!r}"):
        replace_file(path, content)
