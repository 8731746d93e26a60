"""A record is read whatever its headers are called: one message must not end every process that comes to it."""

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from hypothesis import given
from hypothesis import strategies as st

from headgate.adapters.kafka.lenient import read_any_name
from headgate.adapters.kafka.stream import message_of
from headgate.ports import Message
from headgate.stream.letters import DeadError, answer, dead
from kafka.headers import CODECS, batch


def read(content: bytes, first: int = 0) -> list[Message]:
    """Return what a consumer makes of a fetched batch, from an offset on."""
    records = fetcher.MemoryRecords(content)
    found = PartitionRecords(TopicPartition("requests", 0), records, None, first, None, None, True, READ_COMMITTED)
    return [message_of(one) for one in found]


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as a stream does, and leave the library as it was."""
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)
    read_any_name()


NAMES = st.binary(max_size=8)


@pytest.mark.parametrize("codec", CODECS)
@given(names=st.lists(st.lists(NAMES, max_size=3), min_size=1, max_size=5), first=st.integers(0, 5))
def test_every_record_comes_once_whatever_its_headers_are_called(
    codec: str, names: list[list[bytes]], first: int
) -> None:
    """In order, with its key, value and offset, from wherever the reader begins; a name keeps what is text of it."""
    found = read(batch(names, codec), first)

    assert [(place, b"key", b"value %d" % place) for place in range(first, len(names))] == [
        (one.offset, one.key, one.value) for one in found
    ]
    for one in found:
        expected = [(name.decode(errors="replace"), b"of it") for name in names[one.offset]]
        assert expected == list(one.headers)


@given(name=NAMES)
def test_what_is_written_about_such_a_message_can_be_written(name: bytes) -> None:
    """Answer and dead letter carry its headers on, by names that a producer takes."""
    (message,) = read(batch([[name]]))

    letters = [answer(message, "answers", "id", b"", "m"), dead(message, "dead", "m", DeadError("model", "no"))]

    assert all(each.encode() for letter in letters for each, _ in letter.headers if each)


def test_a_damaged_batch_is_refused_as_before() -> None:
    """By its checksum; it is not read as something else."""
    content = batch([[b"\xff\xfe"], [b"name"]])

    with pytest.raises(CorruptRecordException):
        read(content[:-1] + b"!")
