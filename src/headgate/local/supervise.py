"""Server processes: started, awaited until ready, stopped in good order; none outlives its parent."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from headgate.errors import HeadgateError, PermanentError, TransientError
from headgate.names import Digest
from headgate.specs.environment import Serving

READY = "/v2/health/ready"
POLL_SECONDS = 0.02
TAIL_BYTES = 4000
TAIL_LINES = 12


class ReadyFile(msgspec.Struct, frozen=True):
    """What a server writes once it listens."""

    port: Annotated[int, Meta(ge=1, le=65535)]
    pid: int


@dataclass(frozen=True, slots=True)
class Launch:
    """How one server process is started."""

    name: str
    """In messages and the log's file name: `flights-stable-3`."""
    command: tuple[str, ...]
    """Ends on EOF of its standard input, so that it cannot outlive a parent that was killed."""
    ready_file: Path
    """Where the command was told to write `{"port", "pid"}`."""
    log: Path
    """Standard output and error, appended."""


def serve(
    name: str,
    folder: Path,
    *,
    model: Path,
    sha256: Digest,
    service_file: Path,
    serving: Serving,
    more: Sequence[str] = (),
) -> Launch:
    """Return how `headgate serve` is started for one model with an environment's serving settings."""
    ready_file, log = folder / f"{name}.ready.json", folder / f"{name}.log"
    command: list[object] = [sys.executable, "-m", "headgate", "serve", "--model", model, "--sha256", sha256]
    command += ["--service-file", service_file, "--port", 0, "--ready-file", ready_file]
    command += ["--threads", serving.threads, "--delay-ms", serving.faults.delay_ms]
    command += ["--fail-share", serving.faults.fail_share, "--exit-with-parent", *more, *asked(serving)]
    return Launch(name=name, command=tuple(map(str, command)), ready_file=ready_file, log=log)


def asked(serving: Serving) -> Iterator[object]:
    """Yield the options that serving.yaml asks for; gRPC at a free port, as two tracks share a machine."""
    if serving.grpc_port is not None:
        yield from ("--grpc-port", 0)
    if serving.price_per_hour is not None:
        yield from ("--price-per-hour", serving.price_per_hour)
    if serving.log_requests:
        yield "--log-requests"
    if serving.traces is not None:
        yield from ("--traces", serving.traces)
    if serving.log_flush_seconds is not None:
        yield from ("--flush-seconds", serving.log_flush_seconds)
    if serving.log_share is not None:
        yield from ("--log-share", serving.log_share)
    if limit := serving.rate_limit:
        yield from ("--client-rate", limit.per_second, "--client-header", limit.header)


class Server:
    """A process that is ready, or was."""

    def __init__(self, launch: Launch, process: subprocess.Popen[bytes], port: int) -> None:
        self.launch = launch
        self.process = process
        self.port = port

    @property
    def address(self) -> tuple[str, int]:
        """Where a router reaches it."""
        return ("127.0.0.1", self.port)

    @property
    def url(self) -> str:
        """Where a scraper reaches it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        """Say whether the process still runs."""
        return self.process.poll() is None

    async def ready(self, deadline_seconds: float = 1.0) -> bool:
        """Say whether the process runs and calls itself ready."""
        return self.alive and await status_of(self.address, READY, deadline_seconds) == HTTPStatus.OK

    async def stop(self, grace_seconds: float = 10.0) -> int:
        """End the process with SIGTERM, after the grace with SIGKILL; return its exit code. Stopped twice is fine."""
        return await end(self.process, grace_seconds)

    def why_dead(self) -> HeadgateError:
        """Return the error that says how the process ended."""
        return dead(self.launch, self.process.wait())


@contextlib.asynccontextmanager
async def running(launch: Launch) -> AsyncIterator[Server]:
    """Start a server and stop it when the body ends, also by an error."""
    server = await start(launch)
    try:
        yield server
    finally:
        await server.stop()


async def start(launch: Launch, deadline_seconds: float = 30.0) -> Server:
    """Start a server and return it once it is ready; PermanentError when it exits with 1 or 2, else TransientError."""
    launch.ready_file.parent.mkdir(parents=True, exist_ok=True)
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    launch.ready_file.unlink(missing_ok=True)
    process = spawn(launch)
    try:
        async with asyncio.timeout(deadline_seconds):
            return await until_ready(launch, process)
    except TimeoutError as err:
        kill(process)
        late = f"server {launch.name!r} was not ready within {deadline_seconds:g} s"
        raise TransientError(late, found=tail(launch.log), next_step=f"read {launch.log}") from err
    except BaseException:
        kill(process)
        raise
    finally:
        launch.ready_file.unlink(missing_ok=True)


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Start the process with a pipe as its standard input and a session of its own: Ctrl-C reaches the parent alone."""
    try:
        with launch.log.open("ab") as log:
            return subprocess.Popen(
                launch.command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
    except OSError as err:
        raise PermanentError(f"server {launch.name!r} cannot be started: {err}") from err


async def until_ready(launch: Launch, process: subprocess.Popen[bytes]) -> Server:
    """Return the server once its ready file is there and it calls itself ready."""
    while True:
        if process.poll() is not None:
            raise dead(launch, process.returncode)
        server = listening(launch, process)
        if server and await server.ready():
            return server
        await asyncio.sleep(POLL_SECONDS)


def listening(launch: Launch, process: subprocess.Popen[bytes]) -> Server | None:
    """Return the server its ready file describes; None while the file is missing or half written."""
    try:
        ready = msgspec.json.decode(launch.ready_file.read_bytes(), type=ReadyFile)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return Server(launch, process, ready.port)


def dead(launch: Launch, code: int) -> HeadgateError:
    """Return the error that says how a server ended, with its log's last lines; exits 1 and 2 are permanent."""
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    kind = PermanentError if code in (1, 2) else TransientError
    return kind(f"server {launch.name!r} {how}", found=tail(launch.log), next_step=f"read {launch.log}")


async def end(process: subprocess.Popen[bytes], grace_seconds: float) -> int:
    """End a process with SIGTERM, after the grace or when nobody waits any more with SIGKILL; return its exit code."""
    process.terminate()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                while process.poll() is None:
                    await asyncio.sleep(POLL_SECONDS)
    finally:
        code = kill(process)
    return code


def kill(process: subprocess.Popen[bytes]) -> int:
    """End a process and what it started at once, let go of its pipe, and return its exit code."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    if process.stdin:
        process.stdin.close()
    return code


def tail(log: Path) -> str:
    """Return a log's last lines, for an error message."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(lines[-TAIL_LINES:]) or "an empty log"


async def status_of(address: tuple[str, int], path: str, deadline_seconds: float) -> int | None:
    """Return the status code of a GET, None when there is no answer in time."""
    try:
        async with asyncio.timeout(deadline_seconds):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nhost: {address[0]}\r\nconnection: close\r\n\r\n".encode())
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    parts = line.split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None
