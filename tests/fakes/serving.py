"""Servers for one test run: a port of their own, an answer before the test begins, a stop at its end."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 60.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def process(command: list[str], healthy: str, log: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Run a program until the test ends; it has answered at `healthy` before the test begins."""
    with log.open("wb") as said, subprocess.Popen(command, env=dict(env), stdout=said, stderr=said) as program:
        try:
            until(lambda: answers(healthy), lambda: f"{command[0]} did not start:\n{log.read_text()[-3000:]}")
            yield
        finally:
            program.terminate()
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=2).status_code < 500
    return False


def until(done: Callable[[], bool], why: Callable[[], str], seconds: float = START_SECONDS) -> None:
    """Wait until something holds; fail with the reason when it never does."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(why())
        time.sleep(0.05)


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an ASGI application from a thread; give its URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started, lambda: "the server did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
