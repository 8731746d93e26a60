"""`headgate stream` as a process, and what it has written."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec.structs import replace

from headgate.ports import Letter
from headgate.specs.stream import Streaming
from kafka.fixtures import Topics
from unit.serve.running import World

PATIENCE_SECONDS = 90.0


class Process:
    """One process that answers messages."""

    def __init__(self, made: World, stream: Streaming, name: str = "one", **variables: str) -> None:
        self.folder = made.folder
        self.ready = self.folder / f"{name}.ready.json"
        self.ready.unlink(missing_ok=True)
        settings = self.folder / f"{name}.stream.yaml"
        settings.write_bytes(msgspec.json.encode(stream))  # which is YAML too
        self.said_by = self.folder / f"{name}.stderr"
        command = [
            sys.executable,
            "-m",
            "headgate",
            "stream",
            "--stream",
            str(settings),
            "--service",
            str(made.folder / "service.yaml"),
        ]
        command += ["--workspace", str(made.folder / "workspace"), "--model", str(made.model), "--sha256", made.sha256]
        command += ["--ready-file", str(self.ready), "--metrics-port", "0"]
        with self.said_by.open("wb") as said:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env={**os.environ, **variables}
            )

    @property
    def said(self) -> str:
        return self.said_by.read_text()

    @property
    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.said.splitlines() if line.startswith("{")]

    def wait_ready(self) -> "Process":
        wait_for(self.ready.exists, lambda: self.process.poll() is not None, lambda: self.said)
        return self

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        port = json.loads(self.ready.read_bytes())["metrics_port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except OSError as err:
            raise AssertionError(f"{err}; exit code {self.process.poll()}: {self.said}") from err
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        found = [
            line for line in lines if line.startswith((name + "{", name + " ")) and all(one in line for one in wanted)
        ]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send this very process a signal, and return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def streaming(made: World, stream: Streaming, name: str = "one", **variables: str) -> Iterator[Process]:
    """Give a process; it is gone afterwards."""
    process = Process(made, stream, name, **variables)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()


def wait_for(
    done: Callable[[], Any], failed: Callable[[], Any] = lambda: False, why: Callable[[], Any] = lambda: ""
) -> None:
    """Wait until something is so; say why it is not."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if failed() or time.monotonic() > until:
            raise AssertionError(f"it did not happen: {why()}")
        time.sleep(0.05)


def written(topics: Topics) -> dict[str, list[Letter]]:
    """Return every letter about each message, by where it stands."""
    found: dict[str, list[Letter]] = defaultdict(list)
    for topic in (topics.stream.answers, topics.stream.dead_letters):
        for one in topics.read(topic):
            letter = Letter(one.topic, one.key, one.value, tuple(one.headers))
            found[dict(one.headers)["headgate-source"].decode()].append(letter)
    return found


def small(stream: Streaming, messages: int = 20) -> Streaming:
    """Return a stream that commits often."""
    return replace(stream, batch_messages=messages)


def bodies(count: int) -> Sequence[bytes | None]:
    """Return requests, of which some cannot be answered."""
    from unit.stream.messages import request  # noqa: PLC0415 - it needs the other tests' path

    odd = {5: b"nonsense", 6: None, 7: request(seats=7), 8: request(city="atlantis"), 9: request()}
    return [
        odd.get(number % 25) if number % 25 in odd else request(f"r{number}", rider=number + 1)
        for number in range(count)
    ]
