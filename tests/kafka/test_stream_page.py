"""docs/stream.md, typed on a real broker with Kafka's own scripts."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.specs.reading import parse
from headgate.specs.stream import LogTopic, Streaming, checked, checked_topic
from kafka.broker import Broker
from kafka.jars import jars
from kafka.streaming import streaming
from unit.serve.running import World, world

PAGE = (Path(__file__).parents[2] / "docs" / "stream.md").read_text(encoding="utf-8")
SCRIPTS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}
"""What a distribution of Kafka has in its folder bin/."""

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("kafka")]


@pytest.fixture
def made(tmp_path: Path) -> World:
    """Return a service and its model."""
    return world(tmp_path)


@pytest.fixture
def shell(broker: Broker, tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the page's commands are found."""
    for name, main in SCRIPTS.items():
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\nexec java -Xmx128m -XX:TieredStopAtLevel=1 -cp '{jars()}/*' {main} \"$@\"\n")
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "KAFKA": broker.address}


def typed(block: str, shell: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=shell, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    return done.stdout


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_pages_commands_make_topics_ask_and_find_the_dead_letter(
    made: World, broker: Broker, shell: dict[str, str], tmp_path: Path
) -> None:
    """As they stand there, one after the other."""
    topics, ask, spoil, folder = blocks("bash")
    settings = checked(parse(blocks("yaml")[0], Streaming, "stream.yaml"))

    typed(topics, shell, tmp_path)
    with streaming(made, replace(settings, brokers=(broker.address,))) as process:
        process.wait_ready()
        answered = typed(ask, shell, tmp_path)
        dead = typed(spoil, shell, tmp_path)
        assert process.end() == 0

    assert f"headgate-model:{made.sha256[:12]}" in answered
    assert re.search(r'\tseven\t\{"model_name":"rides",.*"id":"seven"\}', answered), answered
    assert "headgate-kind:malformed" in dead
    assert dead.rstrip().endswith("nonsense")
    typed(folder, shell, tmp_path)
    with streaming(made, replace(settings, brokers=(), folder=str(tmp_path / "topics"))) as process:
        process.wait_ready()
        assert process.end() == 0


def test_the_pages_settings_are_settings() -> None:
    """Those with secrets too, whose files need not be there to be read."""
    first, second, shipping = blocks("yaml")
    topics = "".join(line for line in first.splitlines(keepends=True) if "brokers" not in line)

    assert checked(parse(second + topics, Streaming, "stream.yaml")).sasl is not None
    assert checked_topic(parse(shipping, LogTopic, "ship.yaml")).topic == "predictions"
