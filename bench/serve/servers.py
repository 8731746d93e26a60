"""The servers side by side: each a process of its own on the same core, ready when its own page says so."""

import http.client
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.serve.made import SERVICE, Made

PEERS = Path(__file__).parent / "peers"
PEER_PYTHON = PEERS / ".venv/bin/python"
SERVER_CORE = "0"
READY = "/v2/health/ready"
INFER = f"/v2/models/{SERVICE}/infer"
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Program:
    """How a server is started."""

    name: str
    command: Sequence[str]


@dataclass
class Running:
    """A server that answers."""

    process: psutil.Popen
    port: int
    ready_seconds: float

    @property
    def rss_megabytes(self) -> float:
        """Return the resident memory of the process and its children."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family) / 1e6


def headgate(made: Made, name: str, *more: str) -> Program:
    """Return our own server, as the command line starts it."""
    facts = ["--model", str(made.model), "--sha256", made.sha256, "--service-file", str(made.folder / "service.yaml")]
    executable = str(Path(sys.executable).with_name("headgate"))
    return Program(name, [executable, "serve", *facts, "--port", "{port}", *more])


def unsketched(made: Made, name: str) -> Program:
    """Return our own server, that counts nothing beside its answers."""
    whole = headgate(made, name)
    return Program(name, [sys.executable, str(Path(__file__).with_name("unsketched.py")), *whole.command[1:]])


def peer(name: str, file: str) -> Program:
    """Return one of the peers, run by their own Python."""
    return Program(name, [str(PEER_PYTHON), str(PEERS / file)])


@contextmanager
def running(program: Program, made: Made) -> Iterator[Running]:
    """Give a server that is ready; it is gone afterwards."""
    port = free_port()
    command = [part.format(port=port) for part in program.command]
    environment = {**os.environ, "BENCH_PORT": str(port), "BENCH_MODEL": str(made.onnx)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    log = made.folder / f"{program.name}.log"
    with log.open("wb") as said:
        process = psutil.Popen(["taskset", "-c", SERVER_CORE, *command], env=environment, stdout=said, stderr=said)
    try:
        wait_until_ready(process, port, log)
        yield Running(process, port, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def all_running(programs: Sequence[Program], made: Made) -> Iterator[dict[str, Running]]:
    """Give several servers by name; those that are not asked wait without work."""
    with ExitStack() as stack:
        yield {program.name: stack.enter_context(running(program, made)) for program in programs}


def wait_until_ready(process: psutil.Popen, port: int, log: Path) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        if process.poll() is not None:
            break
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", READY)
            status = connection.getresponse().status
            connection.close()
            if status == 200:
                return
        time.sleep(0.01)
    raise SystemExit(f"a server did not become ready:\n{log.read_text()[-2000:]}")


def free_port() -> int:
    """Return a port that is free, as is the next one, where kserve answers gRPC."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = int(taken.getsockname()[1])
            with suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                return port
