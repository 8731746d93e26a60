"""Labels that come after the answers: told over HTTP by the ids of the rows, kept in the prediction log's folder.

A file `labels/<day>/<process>.jsonl` starts with a LabelSegment line; each further line is one request's, by column.
The day is the one on which a label became known, so that a window's labels stand in its own days and those after it.
A request is answered once its labels are on the disk.
"""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from headgate.adapters.durable import write_all
from headgate.contract.request import problem_of
from headgate.features import ids
from headgate.names import Name, did_you_mean
from headgate.records.dataset import Window
from headgate.serve.door.admission import DTYPES, TIMES, stamps_of
from headgate.serve.logs.lines import read_lines
from headgate.serve.logs.prediction_log import STORED, day_of, days_of
from headgate.serve.refusal import RefusalError, quoted
from headgate.specs.contract import Column, ColumnType, Contract
from headgate.specs.service import Service

KNOWN_AT = "known_at"
FOLDER = "labels"
AHEAD_MICROSECONDS = 300 * 1_000_000
"""Clocks differ by less; what is known later than that is not known."""
MOST = 10_000
"""Labels in one request."""


class LabelSegment(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a file of labels: what its lines hold."""

    log: Literal[1] = 1
    labels: str
    """The label's column."""
    service: Name
    type: ColumnType


class Told(msgspec.Struct, forbid_unknown_fields=True):
    """A request's body."""

    labels: list[dict[str, Any]]


class Labels(msgspec.Struct):
    """Labels by column, as they are kept."""

    id: list[str]
    label: list[Any]
    time: list[int | None]
    """Event time, where it is known: microseconds since 1970."""
    known_at: list[int]


class Desk:
    """Takes labels in: by the id columns and the label's own name, as the contract has them."""

    def __init__(self, contract: Contract, spec: Service) -> None:
        self.spec = spec
        self.label = spec.data.label.column
        self.promise = promise_of(contract, spec)
        self.columns = {
            name: contract.columns[name] for name in (*spec.data.id, *([spec.data.time] if spec.data.time else []))
        }
        self.decoder = msgspec.json.Decoder(Told)

    def admit(self, body: bytes, now: int) -> Labels:
        """Return a request's labels; RefusalError names the label and the input that is wrong with it."""
        rows = self.rows_of(body)
        given = {name: self.values(name, rows) for name in self.columns}
        stamps = {name: stamps_of(name, given[name]) for name in self.columns if self.columns[name].type in TIMES}
        frame = pl.DataFrame([self.series(name, given, stamps) for name in self.spec.data.id])
        return Labels(
            id=ids(frame, self.spec).to_list(),
            label=self.values(self.label, rows),
            time=stamps[self.spec.data.time] if self.spec.data.time else [None] * len(rows),
            known_at=known(rows, now),
        )

    def rows_of(self, body: bytes) -> list[dict[str, Any]]:
        if not self.spec.data.id:
            raise RefusalError("this service has no data.id, so a label cannot say which row it is of")
        try:
            rows = self.decoder.decode(body).labels
        except (ValueError, RecursionError) as err:
            raise RefusalError(f"the body is no {{'labels': [...]}}: {str(err)[:200]}") from err
        if not rows or len(rows) > MOST:
            raise RefusalError(f"the body has {len(rows):,} labels; expected 1 to {MOST:,}")
        allowed = {*self.columns, self.label, KNOWN_AT}
        for place, row in enumerate(rows):
            if strange := row.keys() - allowed:
                name = min(strange)
                raise RefusalError(
                    f"label {place} has {quoted(name)}, which is none of {', '.join(sorted(allowed))}."
                    f"{did_you_mean(name[:100], allowed)}"
                )
        return rows

    def values(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return a column of the request once it keeps its promise; the event time alone may be left out."""
        optional = name == self.spec.data.time and name not in self.spec.data.id
        promise = self.promise if name == self.label else self.columns[name]
        found = [whole(row.get(name)) if promise.type == "integer" else row.get(name) for row in rows]
        checked = [value for value in found if value is not None] if optional else found
        if problem_of(name, checked, promise) is None:
            return found
        for place, value in enumerate(found):
            if not (optional and value is None) and (problem := problem_of(name, [value], promise)):
                said = "has no value" if value is None else problem.reason
                raise RefusalError(f"label {place}: {quoted(name)} {said}", reason="contract")
        return found

    def series(self, name: str, given: Mapping[str, list[Any]], stamps: Mapping[str, list[int | None]]) -> pl.Series:
        """Return an id's column as it stands in the prediction log, so that its text is the same."""
        if name in stamps:
            moments = pl.Series(name, stamps[name], pl.Int64).cast(pl.Datetime("us"))
            return moments.cast(DTYPES[self.columns[name].type])
        return pl.Series(name, given[name], DTYPES[self.columns[name].type])


def promise_of(contract: Contract, spec: Service) -> Column:
    """Return what a label must look like, never null: one that never came is told by not telling it."""
    plain: ColumnType = "number" if spec.task == "regression" else "string"
    declared = contract.columns.get(spec.data.label.column, Column(type=plain))
    return msgspec.structs.replace(declared, nulls=0.0)


def whole(value: Any) -> Any:
    """Return 1.0, which JSON does not tell from 1, as the integer it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def known(rows: Sequence[Mapping[str, Any]], now: int) -> list[int]:
    """Return when each label became known; not said: now."""
    texts = [row.get(KNOWN_AT) for row in rows]
    if strange := next((text for text in texts if not isinstance(text, str | None)), None):
        raise RefusalError(f"{KNOWN_AT} is {quoted(strange)}; expected a time like 2013-01-31T08:00:00")
    found = [now if stamp is None else stamp for stamp in stamps_of(KNOWN_AT, texts)]
    if max(found) > now + AHEAD_MICROSECONDS:
        raise RefusalError(
            f"label {found.index(max(found))} became known in the future: {texts[found.index(max(found))]}"
        )
    return found


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


def read(log_dir: Path, window: Window | None = None) -> pl.DataFrame:
    """Return the labels that were told since a window began, in the order they came: id, label, time and known_at.

    Labels of one service are of one type; without any the frame is empty.
    """
    frames = [frame for path in files(log_dir, window) if (frame := read_file(path)) is not None]
    if not frames:
        return pl.DataFrame(schema={"id": pl.String, "label": pl.Null, "time": MOMENT, KNOWN_AT: MOMENT})
    whole = pl.concat(frames, how="vertical_relaxed").sort("at", maintain_order=True).drop("at")
    return whole.with_columns(pl.col("time", KNOWN_AT).cast(MOMENT))


MOMENT = pl.Datetime("us")


def files(log_dir: Path, window: Window | None) -> list[Path]:
    first = days_of(window)[0] if window else ""
    found = (path for path in (log_dir / FOLDER).glob("*-*-*/*.jsonl") if path.parent.name >= first)
    return sorted(found, key=lambda path: (path.parent.name, path.name))


def read_file(path: Path) -> pl.DataFrame | None:
    """Return one file's labels; a torn last line is left out, a file torn in its first line is empty."""
    read = read_lines(
        path,
        LabelSegment,
        schema_of,
        what="label log",
        next_step="move the file away; its labels then count as never told",
    )
    return read[1].explode("id", "label", "time", KNOWN_AT) if read else None


def schema_of(segment: LabelSegment) -> pl.Schema:
    stamps, stored = pl.List(pl.Int64), pl.List(STORED[segment.type])
    return pl.Schema({"at": pl.Int64(), "id": pl.List(pl.String), "label": stored, "time": stamps, KNOWN_AT: stamps})
