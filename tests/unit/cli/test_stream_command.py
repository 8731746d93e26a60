"""`headgate stream` as a person runs it, on topics in a folder: killed, ended, and told what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from headgate.adapters.topics import message_of
from unit.cli.terminal import Terminal
from unit.serve.running import World, world
from unit.stream.messages import request

SETTINGS = "folder: {folder}\nrequests: requests\nanswers: answers\ndead_letters: dead\nbatch_messages: 5\n"


@pytest.fixture
def made(tmp_path: Path) -> World:
    """Return a service, its model and three topics."""
    made = world(tmp_path)
    topics = tmp_path / "topics"
    topics.mkdir()
    for topic in ("requests", "answers", "dead"):
        (topics / f"{topic}.jsonl").touch()
    (tmp_path / "stream.yaml").write_text(SETTINGS.format(folder=topics))
    return made


def start(made: World, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "headgate", "stream", "--stream", str(made.folder / "stream.yaml")]
    command += ["--service", str(made.folder / "service.yaml"), "--workspace", str(made.folder / "workspace")]
    command += ["--model", str(made.model), "--sha256", made.sha256, *options]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    with (made.folder / "stderr").open("ab") as said:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment)


def said(made: World) -> str:
    return (made.folder / "stderr").read_text()


def send(made: World, bodies: Sequence[bytes]) -> None:
    with (made.folder / "topics" / "requests.jsonl").open("ab") as file:
        file.writelines(body + b"\n" for body in bodies)


def written(made: World) -> dict[str, set[bytes]]:
    """Return each message's letters, by its place."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for topic in ("answers", "dead"):
        for line in (made.folder / "topics" / f"{topic}.jsonl").read_bytes().splitlines():
            if source := dict(message_of(topic, 0, line).headers).get("headgate-source"):
                found[source.decode()].add(line)
    return found


def wait_for(made: World, done: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until, said(made)
        time.sleep(0.002)


def test_a_stream_that_is_killed_goes_on_where_it_ended_and_ends_when_it_is_told_to(made: World) -> None:
    """SIGKILL in the middle, then SIGTERM: every message has a letter, and no message two that differ."""
    send(made, [request(f"r{number}", rider=number + 1) for number in range(300)] + [b"nonsense"])

    process = start(made)
    wait_for(made, lambda: len(written(made)) > 20)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = len(written(made))
    process = start(made, "--log-dir", str(made.folder / "log"), "--ready-file", str(made.folder / "ready.json"))
    wait_for(made, lambda: len(written(made)) == 301)
    process.terminate()
    assert process.wait(30) == 0, said(made)

    assert before < 301
    assert all(len(letters) == 1 for letters in written(made).values())
    last = json.loads(said(made).splitlines()[-1])
    assert ("stream_ended", 1) == (last["event"], last["dead"])
    assert json.loads((made.folder / "ready.json").read_bytes())["model"] == made.sha256[:12]
    assert list((made.folder / "log").rglob("*.jsonl"))


MISTAKES = {
    "no settings": (lambda folder: (folder / "stream.yaml").unlink(), "no file"),
    "no topic": (lambda folder: (folder / "topics" / "dead.jsonl").unlink(), "no topic 'dead'"),
    "a wrong model": (lambda folder: (folder / "model" / "model.onnx").write_bytes(b"x"), "model.onnx"),
    "no settings at all": (lambda folder: (folder / "stream.yaml").write_text(""), "requests"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_ends_it_at_once_with_what_to_do(made: World, terminal: Terminal, case: str) -> None:
    """Exit 1 and two lines, nothing answered."""
    spoil, words = MISTAKES[case]
    spoil(made.folder)

    said = terminal("stream", "--model", made.model, "--sha256", made.sha256)

    assert (1, True) == (said.code, words in said.err), said.err
    assert "Traceback" not in said.err
