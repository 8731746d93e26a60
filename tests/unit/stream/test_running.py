"""The loop on a real topic in a folder, with every step failing at every moment: nothing is lost, nothing differs."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.adapters.topics import FolderStream, message_of
from headgate.errors import PermanentError, TransientError
from headgate.ports import Letter, Message
from headgate.stream.answering import Answering
from headgate.stream.running import Loop
from headgate.stream.telling import Telling
from unit.stream.conftest import STREAM
from unit.stream.messages import request

SOON = 0.001


class Away(FolderStream):
    """A folder whose steps fail when they are told to, before or after they were done."""

    def __init__(self, folder: Path, fails: Sequence[str], most: int = 3) -> None:
        super().__init__(replace(STREAM, folder=str(folder)), "group")
        self.fails = list(fails)
        self.most = most

    def may_fail(self, step: str) -> None:
        if self.fails and self.fails[0] == step:
            self.fails.pop(0)
            raise TransientError(f"away at {step}")

    async def open(self) -> None:
        self.may_fail("open")
        await super().open()

    async def take(self, most: int, seconds: float) -> Sequence[Message]:
        self.may_fail("take")
        return await super().take(min(most, self.most), SOON)

    async def give(self, letters: Sequence[Letter]) -> frozenset[int]:
        self.may_fail("give")
        if self.fails and self.fails[0] == "half":
            self.fails.pop(0)
            await super().give(letters[: len(letters) // 2])
            raise TransientError("away in the middle")
        await super().give(letters)
        self.may_fail("acknowledge")
        return frozenset()

    async def commit(self, messages: Sequence[Message]) -> None:
        self.may_fail("commit")
        await super().commit(messages)
        self.may_fail("committed")


def folder_of(parent: Path, requests: Sequence[bytes]) -> Path:
    folder = parent / f"topics-{len(list(parent.iterdir()))}"
    folder.mkdir()
    for topic in ("answers", "dead"):
        (folder / f"{topic}.jsonl").touch()
    (folder / "requests.jsonl").write_bytes(b"".join(one + b"\n" for one in requests))
    return folder


def letters_by_source(folder: Path) -> Mapping[str, list[tuple[str, bytes | None, tuple[tuple[str, bytes], ...]]]]:
    """Return all that was written about each message."""
    found = defaultdict(list)
    for topic in ("answers", "dead"):
        for line in (folder / f"{topic}.jsonl").read_bytes().splitlines():
            one = message_of(topic, 0, line)
            found[dict(one.headers)["headgate-source"].decode()].append((topic, one.value, one.headers))
    return found


async def play(stream: FolderStream, answering: Answering, until: int | None = None) -> list[str]:
    """Run until nothing waits; return what was said."""
    said: list[str] = []
    loop = Loop(stream, answering, Telling("rides", "m", "requests", said.append), 100)
    loop.wait_seconds = SOON
    running = asyncio.create_task(loop.run())
    end = (Path(str(stream.stream.folder)) / "requests.jsonl").stat().st_size
    async with asyncio.timeout(20):
        while not running.done() and not (stream.kept.exists() and int(stream.kept.read_bytes()) == end):
            loop.wait_seconds = SOON
            await asyncio.sleep(SOON)
        loop.stopping.set()
        await running
    return said


MESSAGES = [request(f"r{number}", rider=number + 1) for number in range(6)] + [b"nonsense", request(seats=7), request()]
STEPS = ["open", "take", "give", "half", "acknowledge", "commit", "committed"]


@settings(max_examples=10)
@given(fails=st.lists(st.sampled_from(STEPS), max_size=8), most=st.integers(1, 9))
def test_whatever_fails_every_message_has_a_letter_and_all_of_them_are_equal(
    answering: Answering, tmp_path_factory: pytest.TempPathFactory, fails: list[str], most: int
) -> None:
    """At least once, in any order of failures, whichever messages are taken together."""
    folder = folder_of(tmp_path_factory.mktemp("play"), MESSAGES)
    stream = Away(folder, fails, most)

    asyncio.run(play(stream, answering))

    found = letters_by_source(folder)
    assert len(MESSAGES) == len(found)
    assert all(len(set(letters)) == 1 for letters in found.values())
    if not fails:
        assert len(MESSAGES) == sum(len(letters) for letters in found.values())


def test_a_stream_that_is_away_says_why_and_when_it_is_tried_again(answering: Answering, tmp_path: Path) -> None:
    """One line for each try, one when a message was answered again; the metric counts them."""
    folder = folder_of(tmp_path, [request("a")])

    said = [json.loads(line) for line in asyncio.run(play(Away(folder, ["open", "give"]), answering))]

    assert ["stream_away", "stream_away", "stream_back"] == [one["event"] for one in said]
    assert "away at open" in said[0]["why"]
    assert said[0]["again_in_seconds"] > 0


def test_waits_between_tries_grow_and_end(answering: Answering, tmp_path: Path) -> None:
    """Twice as long each time, half a minute at most."""
    loop = Loop(Away(folder_of(tmp_path, []), []), answering, Telling("rides", "m", "requests"), 1)
    loop.stopping.set()

    waits = []
    for _ in range(9):
        waits.append(loop.wait_seconds)
        asyncio.run(loop.rest())

    assert [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0] == waits


class Narrow(FolderStream):
    """Topics that take no long letters, as Kafka's."""

    def __init__(self, folder: Path, **most_bytes: int) -> None:
        super().__init__(replace(STREAM, folder=str(folder)), "group")
        self.most_bytes = most_bytes

    async def give(self, letters: Sequence[Letter]) -> frozenset[int]:
        long = frozenset(
            place
            for place, letter in enumerate(letters)
            if len(letter.value) > self.most_bytes.get(letter.topic, 10**9)
        )
        await super().give([letter for place, letter in enumerate(letters) if place not in long])
        return long


def test_what_is_too_long_for_its_topic_stops_nobody(answering: Answering, tmp_path: Path) -> None:
    """A long answer leaves its request as a dead letter, a long request its reason; the others are answered."""
    sent = [request("a"), request("b", count=100), request("c", count=300), request("d")]
    folder = folder_of(tmp_path, sent)

    asyncio.run(play(Narrow(folder, answers=400, dead=len(sent[1])), answering))

    found = letters_by_source(folder)
    values = {dict(headers)["headgate-source"]: value for ((_, value, headers),) in found.values()}
    dead = [letters[0] for letters in found.values() if letters[0][0] == "dead"]
    assert len(values) == len(sent)
    assert {sent[1], b""} == {value for _, value, _ in dead}
    assert {b"too_long"} == {dict(headers)["headgate-kind"] for _, _, headers in dead}


def test_a_topic_that_takes_not_even_a_reason_ends_the_stream_with_nothing_committed(
    answering: Answering, tmp_path: Path
) -> None:
    """Going on would lose a message."""
    folder = folder_of(tmp_path, [b"nonsense"])
    stream = Narrow(folder, dead=-1)

    with pytest.raises(PermanentError, match="takes not even the reason"):
        asyncio.run(play(stream, answering))

    assert not stream.kept.exists()


def test_a_stream_that_is_stopped_ends_what_is_in_hand_and_takes_no_more(answering: Answering, tmp_path: Path) -> None:
    """What was taken is answered and committed, and the rest is left as it is."""
    folder = folder_of(tmp_path, MESSAGES)
    stream = Away(folder, [], most=4)
    loop = Loop(stream, answering, Telling("rides", "m", "requests"), 4)

    async def stop_in_the_middle() -> None:
        async def heard(letters: Sequence[Letter]) -> frozenset[int]:
            loop.stopping.set()
            return await Away.give(stream, letters)

        stream.give = heard  # type: ignore[method-assign]
        await loop.run()

    asyncio.run(stop_in_the_middle())

    assert 4 == len(letters_by_source(folder))
    assert sum(len(one) + 1 for one in MESSAGES[:4]) == int(stream.kept.read_bytes())
