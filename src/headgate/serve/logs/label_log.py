"""Labels that come after the answers, kept in the prediction log's folder.

A file `labels/<day>/<process>.jsonl` starts with a LabelSegment line; each further line is one request's, by column.
The day is the one on which a label became known, so that a window's labels stand in its own days and those after it.
A request is answered once its labels are on the disk.
"""

import os
import threading
import time
from pathlib import Path
from typing import Any, Literal

import msgspec

from headgate.adapters.durable import write_all
from headgate.names import Name
from headgate.serve.logs.segment import day_of
from headgate.specs.contract import ColumnType

KNOWN_AT = "known_at"
FOLDER = "labels"


class LabelSegment(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a file of labels: what its lines hold."""

    log: Literal[1] = 1
    labels: str
    """The label's column."""
    service: Name
    type: ColumnType


class Labels(msgspec.Struct):
    """Labels by column, as they are kept."""

    id: list[str]
    label: list[Any]
    time: list[int | None]
    """Event time, where it is known: microseconds since 1970."""
    known_at: list[int]


class LabelLog:
    """Appends labels to this process's own files; each append is on the disk before it returns, or undone."""

    def __init__(self, folder: Path, segment: LabelSegment) -> None:
        self.folder = folder
        self.head = msgspec.json.encode(segment) + b"\n"
        self.name = f"{os.getpid()}-{time.time_ns()}.jsonl"
        self.lock = threading.Lock()

    def keep(self, labels: Labels, now: int) -> None:
        """Write labels to the days on which they became known; OSError when the disk takes nothing."""
        days = [day_of(stamp) for stamp in labels.known_at]
        with self.lock:
            for day in sorted({*days}):
                chosen = [place for place, own in enumerate(days) if own == day]
                part = {key: [getattr(labels, key)[place] for place in chosen] for key in labels.__struct_fields__}
                self.append(day, msgspec.json.encode({"at": now, **part}) + b"\n")

    def append(self, day: str, line: bytes) -> None:
        path = self.folder / FOLDER / day / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            try:
                write_all(descriptor, line if size else self.head + line)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
