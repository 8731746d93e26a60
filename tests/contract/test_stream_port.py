"""What every Stream promises, asked of each adapter: a folder in `make test`, a real broker in `make test-full`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
from msgspec.structs import replace

from headgate.adapters.kafka.stream import KafkaStream
from headgate.adapters.topics import FolderStream
from headgate.errors import PermanentError
from headgate.ports import Letter, Message, Stream
from headgate.specs.stream import Streaming
from kafka.fixtures import Topics, broker

__all__ = ["broker"]


class Place(Protocol):
    """Where topics are."""

    stream: Streaming

    def opened(self, stream: Streaming) -> Stream:
        """Return a stream that is not open yet."""

    def send(self, *values: bytes) -> None:
        """Write requests."""


class InAFolder:
    """Topics of files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stream = Streaming(folder=str(folder), requests="requests", answers="answers", dead_letters="dead")
        for topic in ("requests", "answers", "dead"):
            (folder / f"{topic}.jsonl").touch()

    def opened(self, stream: Streaming) -> Stream:
        return FolderStream(stream, "group")

    def send(self, *values: bytes) -> None:
        with (self.folder / "requests.jsonl").open("ab") as file:
            file.writelines(value + b"\n" for value in values)


class OnKafka:
    """Topics of a real broker."""

    def __init__(self, topics: Topics) -> None:
        self.stream = topics.stream
        self.send = topics.send

    def opened(self, stream: Streaming) -> Stream:
        return KafkaStream(stream, str(stream.group))


@pytest.fixture(params=["folder", pytest.param("kafka", marks=[pytest.mark.full, pytest.mark.xdist_group("kafka")])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return three empty topics of one adapter."""
    if request.param == "folder":
        return InAFolder(tmp_path)
    return OnKafka(Topics(request.getfixturevalue("broker")))


@asynccontextmanager
async def reading(place: Place, topic: str | None = None) -> AsyncIterator[Stream]:
    """Open a stream, of another topic than the requests where one is named; close it at the end."""
    stream = place.opened(replace(place.stream, requests=topic) if topic else place.stream)
    await stream.open()
    try:
        yield stream
    finally:
        await stream.close()


async def taken(stream: Stream, count: int) -> list[Message]:
    """Return so many messages, which must come."""
    found: list[Message] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            found += await stream.take(count - len(found), 0.5)
    return found


async def nothing_more(stream: Stream) -> bool:
    return not any([await stream.take(10, 0.3) for _ in range(3)])


def test_messages_of_a_topic_come_in_their_order_from_the_first(place: Place) -> None:
    """A group that has committed nothing begins at the first message, and each stands at a place of its own."""
    place.send(b"one", b"two", b"three")

    async def read() -> list[Message]:
        async with reading(place) as stream:
            return await taken(stream, 3)

    found = asyncio.run(read())

    assert [b"one", b"two", b"three"] == [one.value for one in found]
    assert sorted({one.place for one in found}) == [one.place for one in found]
    assert found[0].place == f"{place.stream.requests}/0/0"


def test_what_was_not_committed_comes_again_at_the_same_place(place: Place) -> None:
    """As often as the stream is opened; what was committed never does."""
    place.send(b"one", b"two", b"three")

    async def read() -> tuple[list[Message], list[Message], list[Message]]:
        async with reading(place) as stream:
            first = await taken(stream, 2)
        async with reading(place) as stream:
            again = await taken(stream, 2)
            await stream.commit(again)
        async with reading(place) as stream:
            return first, again, await taken(stream, 1)

    first, again, rest = asyncio.run(read())

    assert first == again
    assert [b"three"] == [one.value for one in rest]


LETTERS = [
    ("r1", b'{"id":"r1"}', {"headgate-source": b"requests/0/0"}),
    ("züri", b"plain text", {}),
    ("r1", b"\xff\x00 no text", {"headgate-kind": b"malformed"}),
    ("empty", b"", {}),
    ("lines", b"one\ntwo\r\n", {}),
    ("r1", b'{"id":"r1"}', {"headgate-source": b"requests/0/0"}),
]


def test_letters_are_kept_with_key_value_and_headers(place: Place) -> None:
    """Whatever bytes they are, and as often as they are given."""
    letters = [
        Letter(place.stream.answers, key.encode(), value, tuple(headers.items())) for key, value, headers in LETTERS
    ]

    async def read() -> tuple[frozenset[int], list[Message]]:
        async with reading(place) as stream:
            long = await stream.give(letters)
        async with reading(place, place.stream.answers) as stream:
            return long, await taken(stream, len(letters))

    long, found = asyncio.run(read())

    assert frozenset() == long
    assert [(one.key, one.value, one.headers) for one in letters] == [
        (one.key, one.value, one.headers) for one in found
    ]


def test_a_topic_that_is_empty_gives_nothing_within_its_time(place: Place) -> None:
    """An empty take is no error, and no end."""

    async def read() -> bool:
        async with reading(place) as stream:
            return await nothing_more(stream)

    assert asyncio.run(read())


def test_what_waits_is_counted(place: Place) -> None:
    """From what was taken to the end of the topic."""
    place.send(b"one", b"two", b"three")

    async def read() -> dict[int, int]:
        async with reading(place) as stream:
            await taken(stream, 1)
            return dict(await stream.lag())

    assert {0: 2} == asyncio.run(read())


@pytest.mark.parametrize("role", ["requests", "answers", "dead_letters"])
def test_a_topic_that_is_not_there_is_named_with_how_it_is_made(place: Place, role: str) -> None:
    """At once, whichever it is: nobody waits for a topic that a typing error named."""
    stream = place.opened(replace(place.stream, **{role: "nowhere"}))

    async def fails() -> PermanentError:
        try:
            with pytest.raises(PermanentError, match=r"no topic .*'nowhere'") as caught:
                await stream.open()
        finally:
            await stream.close()
        return caught.value

    assert "nowhere" in str(asyncio.run(fails()).next_step)


def test_closing_is_always_possible(place: Place) -> None:
    """Twice, or before it was ever open."""

    async def closes() -> None:
        stream = place.opened(place.stream)
        await stream.close()
        await stream.open()
        await stream.close()
        await stream.close()

    asyncio.run(closes())
