"""Ends the process at its n-th point: the moments at which it changes something that others see.

Python imports this at start-up when the folder is on PYTHONPATH. Points are counted in processes whose command line
has the word of HEADGATE_KILL (`word:n`, counted from 1; 0 only counts), and lie before: opening a file for writing,
syncing it (its second half is cut off: a kill in mid-write), renaming, linking, making and removing under
HEADGATE_KILL_UNDER, starting a process, and every write of Git and MLflow.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SEEN = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir"}
METHODS = {
    "pygit2.repository": {"BaseRepository": ("create_commit", "create_blob", "create_tag")},
    "pygit2.references": {"References": ("create",)},
    "headgate.adapters.forges.gitdata.refs": {"": ("swap",)},
    "mlflow.tracking.client": {
        "MlflowClient": (
            *("create_experiment", "create_run", "log_batch", "log_text", "set_terminated"),
            *("create_registered_model", "create_model_version"),
        )
    },
}


class Killer:
    """Counts points, and ends the process at one."""

    def __init__(self, at: int, under: str, notes: str | None, number: signal.Signals) -> None:
        self.at = at
        self.under = under
        self.notes = notes
        self.number = number
        self.passed = 0
        self.busy = False

    def point(self, label: str, last_words: Callable[[], None] = lambda: None) -> None:
        """Count a point; at the n-th one say the last words and end."""
        if self.busy:
            return
        self.busy = True
        try:
            self.passed += 1
            if self.notes:
                with Path(self.notes).open("a", encoding="utf-8") as file:
                    file.write(f"{label}\n")
            if self.passed == self.at:
                last_words()
                os.kill(os.getpid(), self.number)
        finally:
            self.busy = False

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Take an audit event for a point, if it is one."""
        if event == "open" and isinstance(args[2], int) and args[2] & WRITING and self.is_ours(args[0]):
            self.point(f"open {self.short(args[0])}")
        elif event == "subprocess.Popen":
            self.point(event)
        elif event in SEEN and self.is_ours(args[0]) and os.path.lexists(args[0]) != (event == "os.mkdir"):
            self.point(f"{event} {self.short(args[0])}")

    def is_ours(self, path: Any) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(self.under)

    def short(self, path: Any) -> str:
        return os.fsdecode(path).removeprefix(self.under)

    def before(self, call: Callable[..., Any], label: str) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            self.point(label)
            return call(*args, **named)

        return counted

    def syncing(self, sync: Callable[[int], None]) -> Callable[[int], None]:
        def torn(descriptor: int) -> None:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_size:
                name = str(Path(f"/proc/self/fd/{descriptor}").readlink())
                self.point(f"half {self.short(name)}", lambda: os.ftruncate(descriptor, found.st_size // 2))
            sync(descriptor)

        return torn


class Patching(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets a killer stand before the methods of a module as it is imported."""

    def __init__(self, killer: Killer) -> None:
        self.killer = killer
        self.looking = False
        self.inner: dict[str, importlib.abc.Loader] = {}

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in METHODS or self.looking:
            return None
        self.looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.looking = False
        if spec is None or spec.loader is None:
            return None
        self.inner[name], spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Any:
        return self.inner[spec.name].create_module(spec)

    def exec_module(self, module: Any) -> None:
        self.inner[module.__name__].exec_module(module)
        for owner, methods in METHODS[module.__name__].items():
            place = getattr(module, owner) if owner else module
            for method in methods:
                setattr(place, method, self.killer.before(getattr(place, method), f"{owner or 'refs'}.{method}"))


def install() -> None:
    """Count in this process, if it is the one meant."""
    word, _, at = os.environ.get("HEADGATE_KILL", "").partition(":")
    if not word or word not in sys.orig_argv:
        return
    number = signal.Signals[os.environ.get("HEADGATE_KILL_SIGNAL", "SIGKILL")]
    killer = Killer(int(at), os.environ["HEADGATE_KILL_UNDER"], os.environ.get("HEADGATE_KILL_NOTES"), number)
    sys.addaudithook(killer.hear)
    sys.meta_path.insert(0, Patching(killer))
    os.fsync = killer.syncing(os.fsync)


def closed_in() -> None:
    """Run the sitecustomize that keeps every test's process on this machine: only one of the two is found."""
    path = Path(__file__).parents[2] / "loopback" / "sitecustomize.py"
    spec = importlib.util.spec_from_file_location("loopback_sitecustomize", path)
    if spec and spec.loader:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


closed_in()
install()
