"""Labels that come after the answers, kept in the prediction log's folder.

A file `labels/<day>/<process>.jsonl` starts with a LabelSegment line; each further line is one request's, by column.
The day is the one on which a label became known, so that a window's labels stand in its own days and those after it.
A request is answered once its labels are on the disk.
"""

import threading
from pathlib import Path
from typing import Any, Literal

import msgspec

from headgate.names import Name
from headgate.serve.logs.appending import Appending
from headgate.serve.logs.room import Room
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

    def __init__(self, folder: Path, segment: LabelSegment, room: Room | None = None) -> None:
        self.folder = folder / FOLDER
        self.files = Appending("", msgspec.json.encode(segment) + b"\n", room or Room(folder, None))
        self.lock = threading.Lock()

    def keep(self, labels: Labels, now: int) -> None:
        """Write labels to the days on which they became known; OSError when the disk takes nothing."""
        days = [day_of(stamp) for stamp in labels.known_at]
        with self.lock:
            for day in sorted({*days}):
                chosen = [place for place, own in enumerate(days) if own == day]
                part = {key: [getattr(labels, key)[place] for place in chosen] for key in labels.__struct_fields__}
                line = msgspec.json.encode({"at": now, **part}) + b"\n"
                self.files.append(self.folder / day, line, synced=True)
