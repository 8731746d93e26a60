"""Records of Kafka whose headers have names that are no UTF-8: any client can write them, and the library reads none.

Its reader raises at such a record each time, so that one message would end every process that comes to it. A batch with
one is read once more, by the library's slower reader, and what is no text in a name is replaced.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def read_any_name() -> None:
    """Let the library's consumers read records with such headers."""
    fetcher.MemoryRecords = Records


class Records(_MemoryRecordsPy):  # type: ignore[misc]  # the library has no types
    """What a fetch brought."""

    def next_batch(self) -> Any:
        """Return the next batch, None at the end."""
        content = self._next_slice
        batch = super().next_batch()
        return None if batch is None else Batch(batch, content)


class Batch:
    """A batch of records, read by the library as long as it can."""

    def __init__(self, batch: Any, content: memoryview) -> None:
        self.batch = batch
        self.content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batch, name)

    def __next__(self) -> Any:
        return next(self.batch)

    def __iter__(self) -> Iterator[Any]:
        """Yield the records; those before such a one come twice, and who reads passes over what he has had."""
        try:
            yield from self.batch
        except (UnicodeDecodeError, CorruptRecordException) as err:
            if not isinstance(err.__cause__ or err, UnicodeDecodeError):
                raise
            yield from LenientBatch(self.content)


class LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """A batch whose names are read whatever they are."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = Names(self._buffer)


class Names(bytearray):
    """Bytes whose slices are read as text whatever they are."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return Name(found) if isinstance(place, slice) else found


class Name(bytearray):
    """Bytes that are read as text whatever they are."""

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        """Return text, what is none replaced by U+FFFD."""
        return super().decode(encoding, errors)
