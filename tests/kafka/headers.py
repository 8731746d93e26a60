"""Records as a client of another language writes them: with header names that are any bytes."""

from collections.abc import Sequence
from typing import Self

import pytest
from aiokafka.producer import message_accumulator as accumulator
from aiokafka.producer import producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

CODECS = {"none": 0, "gzip": 1, "lz4": 3}


class AnyName(str):
    """A header's name that is written as these bytes, by the library's slower writer."""

    __slots__ = ("raw",)
    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        made = super().__new__(cls)
        made.raw = raw
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the bytes."""
        return self.raw


def batch(names: Sequence[Sequence[bytes]], codec: str = "none") -> bytes:
    """Return a batch with a record for each list of header names."""
    builder = _DefaultRecordBatchBuilderPy(
        magic=2,
        compression_type=CODECS[codec],
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for place, each in enumerate(names):
        headers = [(AnyName(name), b"of it") for name in each]
        builder.append(place, 1000, b"key", b"value %d" % place, headers)
    return bytes(builder.build())


def write_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library's producers write such names."""
    for module in (accumulator, producer):
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
