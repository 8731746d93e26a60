"""Topics in a folder: whatever a killed writer or a careless person leaves there."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.adapters.topics import FolderStream, append, line_of, message_of
from headgate.errors import PermanentError, TransientError
from headgate.ports import Letter, Message
from headgate.specs.stream import Streaming


def topics(folder: Path, requests: bytes = b"", group: str = "group") -> FolderStream:
    for topic in ("answers", "dead"):
        (folder / f"{topic}.jsonl").touch()
    (folder / "requests.jsonl").write_bytes(requests)
    return FolderStream(
        Streaming(folder=str(folder), requests="requests", answers="answers", dead_letters="dead"), group
    )


def taken(stream: FolderStream, most: int = 10) -> Sequence[Message]:
    async def take() -> Sequence[Message]:
        await stream.open()
        try:
            return await stream.take(most, 0.01)
        finally:
            await stream.close()

    return asyncio.run(take())


LINES = {
    "a request as it is": (b'{"id": "a", "inputs": []}', None, b'{"id": "a", "inputs": []}'),
    "a message with a key": (b'{"key": "k", "value": "text"}', b"k", b"text"),
    "a tombstone": (b'{"key": "k", "value": null}', b"k", None),
    "bytes": (b'{"value": "/wA=", "base64": true}', None, b"\xff\x00"),
    "bytes that are none": (b'{"value": "/", "base64": true}', None, b'{"value": "/", "base64": true}'),
    "no JSON": (b"nonsense", None, b"nonsense"),
    "nothing": (b"", None, b""),
    "no text": (b"\xff\xfe", None, b"\xff\xfe"),
    "one field more": (b'{"value": "x", "extra": 1}', None, b'{"value": "x", "extra": 1}'),
}


@pytest.mark.parametrize("case", LINES)
def test_every_line_is_a_message(tmp_path: Path, case: str) -> None:
    """One that is no message's JSON is a message's value, so that the door can say what is wrong with it."""
    line, key, value = LINES[case]

    (found,) = taken(topics(tmp_path, line + b"\n"))

    assert (key, value) == (found.key, found.value)


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path: Path) -> None:
    """Its beginning is no message."""
    stream = topics(tmp_path, b"whole\nha")
    before = [one.value for one in taken(stream)]
    with (tmp_path / "requests.jsonl").open("ab") as file:
        file.write(b"lf\n")

    assert [[b"whole"], [b"whole", b"half"]] == [before, [one.value for one in taken(stream)]]


def test_what_a_killed_writer_half_wrote_is_a_line_of_its_own(tmp_path: Path) -> None:
    """The next letter is whole, and is not lost in it."""
    (tmp_path / "answers.jsonl").write_bytes(b'{"key":"r1","val')

    append(tmp_path / "answers.jsonl", line_of(Letter("answers", b"r2", b"two")))

    torn, whole = (tmp_path / "answers.jsonl").read_bytes().splitlines()
    assert (b'{"key":"r1","val', "two") == (torn, json.loads(whole)["value"])


@given(
    key=st.text(st.characters(exclude_categories=["Cs"])),
    value=st.binary(),
    header=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_letter_comes_back_as_it_was_given(key: str, value: bytes, header: str) -> None:
    """Any bytes, on one line."""
    letter = Letter("answers", key.encode(), value, (("headgate-reason", header.encode()),))

    line = line_of(letter)

    assert line.count(b"\n") == 1
    found = message_of("answers", 0, line[:-1])
    assert (letter.key, letter.value, letter.headers) == (found.key, found.value, found.headers)


def test_one_process_of_a_group_reads_at_a_time_and_another_may_wait_for_it(tmp_path: Path) -> None:
    """Two would answer everything twice; a process of another group reads all by itself."""
    first, second = topics(tmp_path, b"one\n"), topics(tmp_path, b"one\n")
    other = topics(tmp_path, b"one\n", "other")

    async def both() -> None:
        await first.open()
        try:
            with pytest.raises(TransientError, match="has one reader"):
                await second.open()
            await other.open()
            await other.close()
        finally:
            await first.close()
        await second.open()
        await second.close()

    asyncio.run(both())


@pytest.mark.parametrize("text", ["nonsense", "-1", "10000", ""])
def test_an_offset_that_is_not_in_the_file_is_refused_with_the_ways_out(tmp_path: Path, text: str) -> None:
    """A topic that was emptied by hand would else be read from its middle, or never."""
    stream = topics(tmp_path, b"one\n")
    stream.kept.write_text(text)

    with pytest.raises(PermanentError, match="is not in the topic's file") as caught:
        taken(stream)

    assert "all is answered anew" in str(caught.value.next_step)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Before anything is read."""
    stream = topics(tmp_path)
    (tmp_path / "answers.jsonl").unlink()
    (tmp_path / "answers.jsonl").mkdir()

    with pytest.raises(PermanentError, match="no topic 'answers'"):
        taken(stream)


def test_a_topics_many_lines_are_taken_a_bounded_number_at_a_time(tmp_path: Path) -> None:
    """In their order, each once."""
    stream = topics(tmp_path, b"".join(b"%d\n" % number for number in range(25)))

    async def all_of() -> list[int]:
        await stream.open()
        sizes = []
        while found := await stream.take(10, 0.01):
            sizes.append(len(found))
            await stream.commit(found)
        await stream.close()
        return sizes

    assert [10, 10, 5] == asyncio.run(all_of())
    assert (tmp_path / "requests.jsonl").stat().st_size == int(stream.kept.read_bytes())
