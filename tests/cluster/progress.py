"""Tells how far a long build is: bars on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

LINE_SECONDS = 30.0


class Progress:
    """One bar over all programs and one over the packages of the program at hand."""

    def __init__(self, programs: int) -> None:
        self._terminal = sys.stderr.isatty()
        self._bars = Bars(
            TextColumn("{task.description:40}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            disable=not self._terminal,
        )
        self._programs = self._bars.add_task("programs", total=programs, visible=programs > 0)
        self._packages = self._bars.add_task("", visible=False)
        self._started = self._told = time.monotonic()
        self._what, self._done, self._total = "", 0, 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, what: str, total: int = 0) -> None:
        """Begin a stretch of `total` packages (0: unknown)."""
        self._what, self._done, self._total = what, 0, total
        self._bars.reset(self._packages, description=what, total=total or None, visible=True)
        self._tell()

    def advance(self, line: str) -> bool:
        """Count a line of `go build -v`; return whether it was a package's name."""
        if line.startswith(("#", "\t", "go:")) or " " in line.strip():
            return False
        self._done += 1
        self._bars.advance(self._packages)
        if time.monotonic() - self._told > LINE_SECONDS:
            self._tell()
        return True

    def finish(self) -> None:
        """End the program at hand."""
        self._bars.advance(self._programs)

    def _tell(self) -> None:
        self._told = time.monotonic()
        if not self._terminal:
            part = f" {self._done}/{self._total} packages" if self._total else ""
            sys.stderr.write(f"{self._told - self._started:6.0f} s  {self._what}{part}\n")
