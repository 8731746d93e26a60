"""A stage for the local engine: a graph, an understudy for the verbs, and what happened."""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import psutil

from headgate.graph.engines import local
from headgate.graph.engines.local import StepEnd
from headgate.graph.engines.progress import Run
from headgate.graph.step import Step

T = TypeVar("T")
UNDERSTUDY = (sys.executable, "-I", "-S", str(Path(__file__).parent / "understudy.py"))


class Event(NamedTuple):
    """One line of what the understudy wrote down."""

    what: str
    verb: str
    pid: int
    at: float


class Stage:
    """Where one test's run happens."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plot = root / "plot"
        self.plot.mkdir(parents=True)
        self.facts: dict[str, str] = {}

    def plan(self, *graph: Step, folder: str = "run") -> Run:
        return Run(
            graph=graph,
            folder=self.root / folder,
            cache=self.root / "cache",
            program=UNDERSTUDY,
            common=("--plot", str(self.plot)),
            arguments={},
            facts=self.facts,
        )

    def script(self, verb: str, *scenes: str) -> None:
        """Say what each try of a verb does; the last scene repeats."""
        (self.plot / verb).write_text(" ".join(scenes))

    def run(self, *graph: Step, folder: str = "run") -> dict[str, StepEnd]:
        reported: list[StepEnd] = []
        ends = local.run(self.plan(*graph, folder=folder), reported.append)
        assert sorted(ends) == sorted(end.verb for end in reported)
        return ends

    def events(self) -> list[Event]:
        path = self.plot / "events"
        lines = path.read_text().splitlines() if path.exists() else []
        return [Event(what, verb, int(pid), float(at)) for what, verb, pid, at in map(str.split, lines)]

    def started(self) -> list[str]:
        return [event.verb for event in self.events() if event.what == "start"]

    def until(self, what: str, verb: str) -> Event:
        """Wait until something happened."""
        return waited(lambda: next((e for e in self.events() if (e.what, e.verb) == (what, verb)), None))

    def records(self, folder: str = "run") -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.root / folder).glob("*.json")}

    def write_plan(self, *graph: Step) -> Path:
        """Keep the graph for an engine that runs in a process of its own."""
        path = self.root / "graph.json"
        path.write_bytes(msgspec.json.encode(graph))
        return path


def waited(found: Callable[[], T | None], seconds: float = 30.0) -> T:
    """Return what is found, in time."""
    deadline = time.monotonic() + seconds
    while (value := found()) is None:
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return value


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that nobody buried does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def all_ended(pids: Iterable[int]) -> bool:
    """Say whether none of these runs any more, in time: who was killed is gone when the machine comes to it."""
    kept = list(pids)
    return waited(lambda: None if any(map(is_running, kept)) else True)
