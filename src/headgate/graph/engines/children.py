"""Who ends the processes of a run? Whoever started them: on every way out, and with all that they started."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn

from headgate.errors import PermanentError

GRACE_SECONDS = 5.0
"""From asking to forcing: a step writes whole files or none, so it has little to tidy up."""
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Children:
    """The running steps of one run; after `end` no other one starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.ending = threading.Event()

    def run(self, command: Sequence[str], log: Path, deadline: timedelta, lock: int) -> int | None:
        """Return the exit code of the command, negative when a signal ended it, None past the deadline.

        The child inherits the run's lock: if this process is killed, the next run waits until the child has ended.
        """
        with log.open("ab") as file:
            process = self._start(command, file.fileno(), lock)
            try:
                return process.wait(timeout=deadline.total_seconds())
            except subprocess.TimeoutExpired:
                send(process, signal.SIGKILL)
                process.wait()
                return None
            finally:
                with self._lock:
                    self._running.discard(process)

    def _start(self, command: Sequence[str], output: int, lock: int) -> subprocess.Popen[bytes]:
        with self._lock:
            if self.ending.is_set():
                raise InterruptedError(f"{command[0]!r} is not started: the run is ending")
            try:
                # A group of its own: a terminal's Ctrl-C reaches it through `end` alone, and so do its own children.
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(lock,),
                    process_group=0,
                )
            except OSError as err:
                raise PermanentError(f"{command[0]!r} cannot be started: {err.strerror}") from err
            self._running.add(process)
            return process

    def end(self) -> None:
        """Ask every child to end, force it after a grace period, and return when all have."""
        with self._lock:
            self.ending.set()
            running = list(self._running)
        try:
            for process in running:
                send(process, signal.SIGTERM)
            for process in running:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=GRACE_SECONDS)
        finally:
            for process in running:
                send(process, signal.SIGKILL)


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the process and all it started; nobody left is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit(128 + number), so that they run what Ctrl-C runs; main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
