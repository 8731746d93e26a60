"""Writes the prediction log: lines wait in memory for at most one interval, then stand whole in their day's file."""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from headgate.errors import PermanentError
from headgate.names import short
from headgate.serve.door.admission import Admitted
from headgate.serve.logs.appending import Appending
from headgate.serve.logs.room import Room
from headgate.serve.logs.sampling import Sample
from headgate.serve.logs.segment import Segment, day_of

WAITING_BYTES = 64 << 20
"""While the disk, or the limit, takes nothing, this much waits; then rows are lost, and counted."""


RETRY_SECONDS = 1.0
"""While the disk takes nothing, requests do not each try it with all that waits."""


class Recorder:
    """Appends answered rows to this process's own segments; a write that fails is tried again at the next flush."""

    def __init__(self, folder: Path, segment: Segment, *, at_once: bool = False, room: Room | None = None) -> None:
        self.folder = folder
        self.at_once = at_once
        self.segment = segment
        self.sample = Sample(segment.share, segment.id) if segment.share < 1 else None
        head = msgspec.json.encode(segment) + b"\n"
        self.files = Appending(f"{short(segment.model)}-", head, room or Room(folder, None))
        self.keys = {name: msgspec.json.encode(name) + b":" for name in segment.columns}
        self.waiting: dict[str, list[bytes]] = defaultdict(list)
        self.waiting_bytes = 0
        self.lost = 0
        """Requests given up because the disk, or the limit, took nothing for long, not yet counted elsewhere."""
        self.trouble: str | None = None
        self.next_try = 0.0
        self._swap = threading.Lock()
        self._write = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise PermanentError(f"no prediction log can be kept in {str(folder)!r}: {err.strerror}") from err

    def record(self, rows: Admitted, scores: Sequence[Any]) -> None:
        """Keep one request's answered rows, of a share those chosen, for the next flush, or write them now."""
        if self.sample:
            chosen = self.sample.chosen(rows)
            if not chosen:
                return
            if len(chosen) < rows.count:
                rows, scores = part_of(rows, chosen), [scores[place] for place in chosen]
        self.collect(rows, scores)
        if self.at_once and time.monotonic() >= self.next_try:
            self.flush()

    def collect(self, rows: Admitted, scores: Sequence[Any]) -> None:
        at = time.time_ns() // 1000
        days_by_row = self.days(rows, at)
        days = {*days_by_row}
        if len(days) == 1:
            self.keep(days.pop(), self.line(at, scores, json_of(rows), rows))
            return
        for day in sorted(days):
            chosen = [place for place, own in enumerate(days_by_row) if own == day]
            part = part_of(rows, chosen)
            data = {name: msgspec.json.encode(values) for name, values in part.columns.items()}
            self.keep(day, self.line(at, [scores[place] for place in chosen], data, part))

    def days(self, rows: Admitted, at: int) -> list[str]:
        """Return each row's event day; one for all where there is no event time."""
        if self.segment.time is None:
            return [day_of(at)]
        return [day_of(at if stamp is None else stamp) for stamp in rows.stamps[self.segment.time]]

    def line(self, at: int, scores: Sequence[Any], data: dict[str, bytes], rows: Admitted) -> bytes:
        stamps = {name: msgspec.json.encode(values) for name, values in rows.stamps.items()}
        absent = b"[" + b",".join([b"null"] * rows.count) + b"]"
        inputs = b",".join(key + (stamps.get(name) or data.get(name, absent)) for name, key in self.keys.items())
        return b'{"at":%d,"scores":%b,"inputs":{%b}}\n' % (at, msgspec.json.encode(scores), inputs)

    def keep(self, day: str, line: bytes) -> None:
        with self._swap:
            if self.waiting_bytes + len(line) > WAITING_BYTES:
                self.lost += 1
                return
            self.waiting[day].append(line)
            self.waiting_bytes += len(line)

    def flush(self) -> None:
        """Write all that waits; what cannot be written goes on waiting, and `trouble` says why."""
        with self._write:
            if self.files.room.is_full():
                self.trouble = f"prediction log {str(self.folder)!r} has reached --log-limit-mib"
                return
            with self._swap:
                waiting, self.waiting, self.waiting_bytes = self.waiting, defaultdict(list), 0
            self.trouble = None
            for day, lines in waiting.items():
                try:
                    self.files.append(self.folder / day, b"".join(lines))
                except OSError as err:
                    self.trouble = f"prediction log {str(self.folder / day)!r}: {err.strerror}"
                    self.next_try = time.monotonic() + RETRY_SECONDS
                    for line in lines:
                        self.keep(day, line)

    def forgive(self) -> int:
        """Return how many requests were lost since this was last asked."""
        with self._swap:
            lost, self.lost = self.lost, 0
        return lost


def part_of(rows: Admitted, chosen: Sequence[int]) -> Admitted:
    """Return some rows of a request."""
    return Admitted(
        len(chosen),
        {name: [values[place] for place in chosen] for name, values in rows.columns.items()},
        {name: [values[place] for place in chosen] for name, values in rows.stamps.items()},
        {},
    )


def json_of(rows: Admitted) -> dict[str, bytes]:
    """Return each column's JSON: as it was sent, or made of what came as bytes."""
    sent = rows.data
    return {
        name: one_line(sent[name]) if name in sent else msgspec.json.encode(rows.columns[name]) for name in rows.columns
    }


def one_line(raw: msgspec.Raw) -> bytes:
    """Return JSON without line ends: inside strings they are escaped, so these are only white space."""
    text = bytes(raw)
    return text.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in text or b"\r" in text else text
