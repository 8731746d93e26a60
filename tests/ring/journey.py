"""The pumps' way from rows to a merged pull request, hop by hop: each hop's workspace before and after is kept."""

import fcntl
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from headgate.adapters.forges.gitdir import GitDir
from headgate.records.change import Edit
from ring import standing

HERE = Path(__file__).parent
SERVICE = HERE / "pumps" / "service.yaml"
FIRST = "2020-02-21T12:00"
"""Rows up to day 50: before what makes a seal leak turns round."""
SECOND = "2020-04-28T12:00"
"""Rows up to day 118: the model of FIRST is worse than none."""

HOPS: dict[str, tuple[str, ...]] = {
    "init": ("init",),
    "collect": ("collect", "--as-of", FIRST),
    "validate": ("validate",),
    "train": ("train",),
    "evaluate": ("evaluate",),
    "gate": ("gate",),
    "propose": ("propose", "--as-of", FIRST),
    "track": ("track",),
    "merge": ("pr", "merge", "1", "--by", "reviewer"),
}
RUN = {"run": ("run", "--as-of", FIRST)}
RIDE = ("ring",)
"""Not a verb: `riding`, until the ring has settled."""


def spoil(workspace: Path) -> None:
    """Ask for settings under which every answer fails, and merge them unseen, as a hurried operator would."""
    forge = GitDir(workspace / "env.git", "operator")
    forge.commit([Edit(path=SERVING, text="faults: {fail_share: 1.0}\n")], "Tune\n", forge.head())


Step = tuple[str, ...] | Callable[[Path], None]
SERVING = "env/prod/pumps/serving.yaml"
RING: dict[str, Step] = {
    "first deploy": RIDE,
    "run again": ("run", "--as-of", SECOND),
    "merge again": ("pr", "merge", "2", "--by", "reviewer"),
    "promotion": RIDE,
    "spoil": spoil,
    "abort": RIDE,
}
"""From the first merge on: live, a better model through a canary, then settings that a canary refuses."""


class Kill(NamedTuple):
    """Where a process is to be ended."""

    word: str
    """Of the command line of the process meant."""
    at: int
    signal: str = "SIGKILL"


class Hop(NamedTuple):
    """One hop of the calm journey."""

    before: Path
    after: Path
    points: list[str]


def environment(
    workspace: Path, kill: Kill | None = None, notes: Path | None = None, tracker: str = "files"
) -> dict[str, str]:
    """Return the environment variables a command is run with."""
    paths = [HERE / "killing", HERE.parent]
    made = {
        **os.environ,
        "HEADGATE_WORKSPACE": str(workspace),
        "HEADGATE_SERVICE": str(SERVICE),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    made |= {"HEADGATE_TRACKER": "files"} if tracker == "files" else {}
    if kill:
        made |= {"HEADGATE_KILL": f"{kill.word}:{kill.at}", "HEADGATE_KILL_UNDER": str(workspace)}
        made |= {"HEADGATE_KILL_SIGNAL": kill.signal} | ({"HEADGATE_KILL_NOTES": str(notes)} if notes else {})
    return made


def headgate(
    workspace: Path,
    *arguments: str,
    kill: Kill | None = None,
    notes: Path | None = None,
    tracker: str = "files",
    largest_file: int | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end, however it ends."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    program = ("-m", "ring.riding") if arguments == RIDE else ("-m", "headgate")
    return subprocess.run(
        [sys.executable, *program, *arguments],
        env=environment(workspace, kill, notes, tracker),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def take(workspace: Path, step: Step, notes: Path | None = None) -> None:
    """Go one step to its end; `notes` takes the points it passes."""
    if callable(step):
        step(workspace)
    else:
        done(headgate(workspace, *step, kill=Kill(step[0], 0), notes=notes))


def done(ended: "subprocess.CompletedProcess[str]") -> None:
    """Expect a command to have ended well."""
    assert ended.returncode == 0, f"{ended.args[3:]} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}"


def restore(source: Path, workspace: Path) -> None:
    """Make a workspace what it was."""
    shutil.rmtree(workspace, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, workspace, symlinks=True)


class Calm:
    """Journeys without a crash, made once for all workers of a test run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def journey(self, name: str, hops: Mapping[str, Step], begin: Path | None = None) -> dict[str, Hop]:
        """Return each hop with its points; made by the first who asks."""
        with self.once(name) as (place, made):
            if not made:
                workspace = place / "workspace"
                restore(begin or place / "none", workspace)
                for hop, step in hops.items():
                    restore(workspace, place / f"{hop}-before")
                    take(workspace, step, notes=place / f"{hop}-points")
                    restore(workspace, place / f"{hop}-after")
            return {hop: self.hop(place, hop) for hop in hops}

    def told_to_mlflow(self, before: Path) -> Path:
        """Return a workspace after `track` has told MLflow."""
        with self.once("mlflow") as (place, made):
            if not made:
                restore(before, place / "workspace")
                done(headgate(place / "workspace", "track", tracker="mlflow"))
            return place / "workspace"

    def hop(self, place: Path, hop: str) -> Hop:
        notes = place / f"{hop}-points"
        points = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        return Hop(place / f"{hop}-before", place / f"{hop}-after", points)

    @contextmanager
    def once(self, name: str) -> Iterator[tuple[Path, bool]]:
        """Yield a folder, and whether somebody has filled it already; one process at a time."""
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = (place / "made").exists()
            yield place, made
            (place / "made").touch()


def spread(points: list[str], count: int) -> list[int]:
    """Return the numbers of `count` points, evenly spread, counted from 1."""
    size = len(points)
    return sorted({min(size, 1 + (2 * place + 1) * size // (2 * count)) for place in range(count)})


def same(expected: Path, found: Path) -> None:
    """Expect two workspaces to hold the same."""
    lines = standing.differences(standing.of(expected), standing.of(found))
    assert not lines, "\n".join(lines)
