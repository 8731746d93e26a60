"""`headgate ship --kafka` on a real broker: every logged line is in the topic, whoever was killed."""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from headgate.adapters.kafka.shipping import TopicShipping
from headgate.errors import TransientError
from headgate.specs.stream import LogTopic
from kafka.broker import Broker
from kafka.fixtures import Topics
from kafka.streaming import wait_for

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("kafka")]

HEAD = b'{"service":"rides","model":"0"}\n'
FILES = ("2024-05-01/one.jsonl", "2024-05-02/two.jsonl", "labels/2024-05-01/three.jsonl")


def line(number: int) -> bytes:
    return b'{"at":%d,"text":"%s"}\n' % (number, b"x" * (number % 300))


def logged(folder: Path, lines: int, files: tuple[str, ...] = FILES) -> dict[str, bytes]:
    """Add lines to the log's files, begin those that are not there; return all lines by the keys they will have."""
    expected = {}
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if not file.tell():
                file.write(HEAD)
            file.writelines(line(number) for number in range(lines))
        begin = len(HEAD)
        for one in path.read_bytes()[begin:].splitlines(keepends=True):
            expected[f"{name}/{begin}"] = one.rstrip(b"\n")
            begin += len(one)
    return expected


def in_topic(topics: Topics) -> dict[str, set[tuple[bytes, bytes]]]:
    """Return value and head of each key's messages."""
    found = defaultdict(set)
    for one in topics.read(topics.stream.answers):
        found[one.key.decode()].add((one.value, dict(one.headers)["headgate-segment"]))
    return found


def destination(topics: Topics) -> LogTopic:
    return LogTopic(brokers=topics.stream.brokers, topic=topics.stream.answers)


def start(log: Path, topics: Topics) -> "subprocess.Popen[bytes]":
    settings = log / "ship.yaml"
    settings.write_bytes(msgspec.json.encode(destination(topics)))
    command = [sys.executable, "-m", "headgate", "ship", "--log-dir", str(log), "--name", "rides", "-e", "prod"]
    return subprocess.Popen(
        [*command, "--kafka", str(settings), "--every", "0.2", "--quiet", "0.5"], env=dict(os.environ)
    )


def test_every_line_is_in_the_topic_whoever_was_killed(broker: Broker, tmp_path: Path) -> None:
    """A line that is there twice has the same key and bytes; SIGTERM ends it when all is sent."""
    topics = Topics(broker, partitions=2)
    expected = logged(tmp_path, 4000)

    process = start(tmp_path, topics)
    wait_for(lambda: len(topics.read(topics.stream.answers)) > 500)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process = start(tmp_path, topics)
    expected |= logged(tmp_path, 10)
    wait_for(lambda: len(in_topic(topics)) == len(expected))
    process.terminate()

    assert process.wait(30) == 0
    assert {key: {(value, HEAD.rstrip())} for key, value in expected.items()} == in_topic(topics)


def test_a_line_that_has_not_ended_waits_and_a_line_that_is_too_long_is_named(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log on the disk has it all the same."""
    topics = Topics(broker, answers={"max.message.bytes": "2000"})
    logged(tmp_path, 2, FILES[:1])
    with (tmp_path / FILES[0]).open("ab") as file:
        file.write(b"y" * 5000 + b"\n" + line(5) + b"half")

    shipping = TopicShipping(destination(topics), tmp_path)
    first = shipping.ship()
    again = TopicShipping(destination(topics), tmp_path).ship()

    assert (len(line(0) + line(1)) + 5001 + len(line(5)), 0) == (first, again)
    assert {line(0).rstrip(), line(1).rstrip(), line(5).rstrip()} == {
        one.value for one in topics.read(topics.stream.answers)
    }
    assert "2024-05-01/one.jsonl/" in capsys.readouterr().err


def test_a_topic_that_is_not_there_is_named_and_tried_again(broker: Broker, tmp_path: Path) -> None:
    """Nothing is taken as sent."""
    logged(tmp_path, 2)
    shipping = TopicShipping(LogTopic(brokers=(broker.address,), topic="nowhere"), tmp_path)

    with pytest.raises(TransientError, match="no topic 'nowhere'"):
        shipping.ship()

    assert shipping.sent == {}
