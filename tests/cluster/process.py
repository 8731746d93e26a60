"""Starts a process, waits until it answers, and ends it; a process outlives the command that started it."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from cluster.site import Site, running

ENTER = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
"""Gives a process the cluster's names: its own mount namespace, gone when it ends, holds the resolver's address."""


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""All that a process inherits: who starts it, a shell or a test with a world of its own, makes no difference."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process of the cluster: what started it, and which one it is."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    created: float = 0.0

    @property
    def log(self) -> Path:
        """What the process wrote."""
        return running() / "logs" / f"{self.name}.log"

    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        return self._find() is not None

    def kill(self) -> None:
        """End the process and what it started with SIGKILL, as a crash would."""
        family = self.family()
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=10)

    def family(self) -> list[psutil.Process]:
        """Return the process and all that it started and that stayed in its group."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if abs(psutil.Process(self.pid).create_time() - self.created) >= 1.0:
                return []  # the number is another's now
        return [one for one in psutil.process_iter(["status"]) if self._is_kin(one)]

    def _is_kin(self, one: psutil.Process) -> bool:
        try:
            same = os.getpgid(one.pid) == self.pid
        except ProcessLookupError:
            return False
        return same and one.info["status"] != psutil.STATUS_ZOMBIE

    def restart(self) -> "Process":
        """Start it anew with the same command."""
        stop([self])
        return start(self.name, self.command, self.env)

    def tail(self, lines: int = 25) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _find(self) -> psutil.Process | None:
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.created) < 1.0 and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return found if same else None


def start(name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
    """Start a process in a session of its own, log to `logs/<name>.log`, and record it for `cluster-down`."""
    made = Process(name=name, command=[str(word) for word in command], env=dict(env or {}))
    made.log.parent.mkdir(parents=True, exist_ok=True)
    with made.log.open("ab") as log:
        popen = subprocess.Popen(
            made.command,
            cwd=running(),
            env={"PATH": PATH, "HOME": str(running())} | made.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    popen.returncode = 0  # it outlives us: nothing here waits for it
    made = Process(
        name=name, command=made.command, env=made.env, pid=popen.pid, created=psutil.Process(popen.pid).create_time()
    )
    record = running() / "processes" / f"{name}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(asdict(made), indent=1))
    return made


def stop(which: Iterable[Process], seconds: float = 5.0) -> None:
    """End processes politely and all at once, then for certain, with all that they started."""
    those = list(which)
    found = [one for one in (process._find() for process in those) if one]
    for one in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.terminate()
    psutil.wait_procs(found, timeout=seconds)
    for process in those:
        process.kill()


def resolving(site: Site, command: Sequence[str]) -> list[str]:
    """Return the command so that it resolves the cluster's names, as a pod would."""
    file = site.folder / "resolv.conf"
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, str(file), *command]


def processes() -> dict[str, Process]:
    """Return every recorded process by name."""
    files = sorted((running() / "processes").glob("*.json"))
    return {file.stem: Process(**json.loads(file.read_text())) for file in files}


def await_ready(process: Process, answers: Callable[[], bool], seconds: float = 60.0) -> Process:
    """Wait until the process answers; if it ends or stays silent, tell what it last wrote."""
    deadline = time.monotonic() + seconds
    while not answers():
        if not process.alive():
            raise RuntimeError(f"{process.name} ended; the end of '{process.log}':\n{process.tail()}")
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"{process.name} does not answer after {seconds:g} s; the end of '{process.log}':\n{process.tail()}"
            )
        time.sleep(0.1)
    return process
