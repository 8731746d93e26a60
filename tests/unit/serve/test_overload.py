"""Clients that mean no good: those that do get their answers as before, about as fast."""

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread

import pytest

from headgate.serve.door.limits import Limits
from unit.serve.running import Running, ask, rides, running, world

ATTACK = Path(__file__).parent / "attack.py"
INFER = "/v2/models/rides/infer"
SLOW, BODY_BYTES = 300, 100_000_000
ROUNDS, SECONDS = 5, 2.0
MOST_TIMES = 3.0
"""p99 under attack over p99 in quiet, as the median of rounds that follow one another."""


@contextmanager
def attack(server: Running, slow: int, body_bytes: int) -> Iterator[Event]:
    """Hold the attack while the body of the `with` runs; it is told when a first body was refused."""
    refused = Event()

    def listen() -> None:
        for line in process.stdout or ():
            if line == b"HTTP/1.1 413\n":
                refused.set()

    command = [sys.executable, ATTACK, *map(str, (server.port, slow, body_bytes))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"on\n"
            listener = Thread(target=listen)
            listener.start()
            yield refused
        finally:
            process.kill()
        listener.join()


def p99_seconds(server: Running, until: Event | None = None) -> float:
    """Return how long good requests take, one after the other on one connection; each of them gets its answer.

    For two seconds at least, and until the event.
    """
    connection, body = server.connect(), json.dumps(rides()).encode()
    times, least, most = [], time.monotonic() + SECONDS, time.monotonic() + 10 * SECONDS
    while (now := time.monotonic()) < least or (until and not until.is_set()):
        assert now < most, "no body was refused"
        began = time.perf_counter()
        answer = ask(connection, INFER, body)
        times.append(time.perf_counter() - began)
        assert answer.status == 200, answer.body
        time.sleep(0.001)
    return quantiles(times, n=100)[98]


def test_slow_clients_take_nobodys_place(tmp_path: Path) -> None:
    """More of them than requests are answered at a time: the others are answered all the same."""
    options = world(tmp_path).options(limits=Limits(in_flight=4, body_seconds=5))
    with running(options) as server, attack(server, slow=40, body_bytes=30_000_000) as refused:
        assert p99_seconds(server, refused) < 1.0


def begun(server: Running, size_bytes: int) -> socket.socket:
    """Return a connection on which so much of a longer body came."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {size_bytes + 1}\r\n\r\n".encode())
    connection.sendall(b"[" * size_bytes)
    return connection


def test_unfinished_long_bodies_share_one_room(tmp_path: Path) -> None:
    """Whoever would overfill it is refused; short requests need none, and what is freed is there again."""
    options = world(tmp_path).options(limits=Limits(reading_bytes=1_000_000, body_seconds=8))
    with running(options) as server:
        with ExitStack() as stack:
            held = [stack.enter_context(begun(server, 400_000)) for _ in range(3)]
            readable, _, _ = select.select(held, [], [], 5)
            time.sleep(0.1)  # head and body may come apart
            said = readable[0].recv(1000)
            short = server.infer(rides()).status
        again = server.infer({**rides(), "parameters": {"long": "x" * 900_000}}).status

    assert len(readable) == 1
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"too many long requests at a time" in said
    assert (short, again) == (200, 200)


@pytest.mark.full
def test_good_traffic_stays_within_three_times_under_attack(tmp_path: Path) -> None:
    """300 slow clients and bodies of 100 MB: the p99 of good requests, quiet and attacked by turns in one run."""
    with running(world(tmp_path).options(log_dir=None)) as server:
        p99_seconds(server)
        ratios = []
        for _ in range(ROUNDS):
            quiet = p99_seconds(server)
            with attack(server, SLOW, BODY_BYTES) as refused:
                attacked = p99_seconds(server, refused)
            ratios.append(attacked / quiet)
            sys.stdout.write(f"p99 {quiet * 1e3:.2f} ms, attacked {attacked * 1e3:.2f} ms: {ratios[-1]:.2f}x\n")

    assert median(ratios) <= MOST_TIMES
