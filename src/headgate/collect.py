"""Rows x time → a dataset: train, tune and gate parts that share no row."""

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from headgate.contract.split import known_until, matured_end, windows_until
from headgate.contract.times import (
    TICK,
    ceil_day,
    event_times,
    first_and_last,
    floor_day,
    in_utc,
    inside,
    show_length,
    show_time,
    show_window,
)
from headgate.errors import PermanentError, TransientError
from headgate.names import Digest, did_you_mean
from headgate.records.dataset import PART_NAMES, DataPart, DatasetManifest, DatasetRef, Window, dataset_of
from headgate.specs.reading import show_duration
from headgate.specs.service import Service

GATE_SHARE = 0.2
TUNE_SHARE = 0.1
"""Of the groups, where there is no event time."""


def cut(
    rows: pl.DataFrame, spec: Service, as_of: datetime | None = None, gate_from: datetime | None = None
) -> dict[str, pl.DataFrame]:
    """Return the rows of train, tune and gate: disjoint, in event-time order, labels all old enough to have come.

    `as_of` is now in event time (default: the end of the last row's day). `gate_from` starts the gate rows there
    instead of at the end; TransientError says from when on that is possible. Rows whose label never came stay in
    their part with a null label: learning leaves them out, the gate counts them.
    """
    refuse_unfit(rows, spec)
    if spec.data.time is None:
        return cut_by_hash(rows, spec)
    ordered = in_order(rows, spec)
    times = event_times(ordered, spec.data.time)
    return {
        part: ordered.filter(inside(times, window)) for part, window in windows(times, spec, as_of, gate_from).items()
    }


def windows(
    times: pl.Series, spec: Service, as_of: datetime | None = None, gate_from: datetime | None = None
) -> dict[str, Window]:
    """Return the window of event time that each part takes, or say why the split does not fit the rows."""
    first, last = first_and_last(times)
    split = spec.split
    planned = windows_until(end_of_gate(last, spec, as_of, gate_from), first, split)
    for part, window in planned.items():
        if not inside(times, window).any():
            raise PermanentError(
                f"the {part} part would be empty: it asks for {show_window(window)}, and rows are from "
                f"{show_time(first)} to {show_time(last)} ({show_length(last - first)})",
                found=f"split: train at most {show_duration(split.train)}, tune {show_duration(split.tune)}, "
                f"gap {show_duration(split.gap)}, gate {show_duration(split.gate)}",
                next_step="shorten `split` in service.yaml, or bring more rows",
            )
    return planned


def end_of_gate(last: datetime, spec: Service, as_of: datetime | None, gate_from: datetime | None) -> datetime:
    known = known_until(last, spec.split)
    matured = (in_utc(as_of) if as_of else known) - spec.data.label.matures_after
    if gate_from is None:
        return matured_end(matured, last, spec.split)
    end = in_utc(gate_from) + spec.split.gate
    if end > matured:
        moment = show_time(end + spec.data.label.matures_after)
        raise TransientError(
            f"gate rows from {show_time(in_utc(gate_from))} have not all matured: not before {moment}",
            next_step=f"run again at {moment} in event time",
        )
    if end > known:
        raise TransientError(
            f"gate rows are asked up to {show_time(end)}, and the last row is from {show_time(last)}",
            next_step="run again when the source has later rows",
        )
    return end


def describe(
    parts: Mapping[str, pl.DataFrame],
    files: Mapping[str, tuple[str, Digest]],
    spec: Service,
    contract_digest: Digest,
    source: str,
) -> DatasetRef:
    """Return the dataset that the packed parts make; `files` holds each part's path and sha256."""
    spans = part_windows(parts, spec)
    return dataset_of(
        DatasetManifest(
            service=spec.service,
            rows=sum(rows.height for rows in parts.values()),
            window=Window(start=min(w.start for w in spans.values()), end=max(w.end for w in spans.values()))
            if spans
            else None,
            parts={
                part: DataPart(
                    path=files[part][0],
                    sha256=files[part][1],
                    rows=rows.height,
                    window=spans.get(part),
                    labels_missing=labels_missing(rows, spec),
                )
                for part, rows in parts.items()
            },
            contract=contract_digest,
            source=source,
        )
    )


def part_windows(parts: Mapping[str, pl.DataFrame], spec: Service) -> dict[str, Window]:
    """Return each part's half-open span: whole days where that keeps the parts as far apart as the split says."""
    time = spec.data.time
    if time is None:
        return {}
    tight = {}
    for part, rows in parts.items():
        first, last = first_and_last(event_times(rows, time))
        tight[part] = Window(start=first, end=last + TICK)
    days = {part: Window(start=floor_day(w.start), end=ceil_day(w.end - TICK)) for part, w in tight.items()}
    ordered = [days[part] for part in PART_NAMES if part in days]
    gaps = [timedelta(0)] * (len(ordered) - 2) + [spec.split.gap]
    apart = all(a.end + gap <= b.start for a, b, gap in zip(ordered, ordered[1:], gaps, strict=False))
    return days if apart else tight


def cut_by_hash(rows: pl.DataFrame, spec: Service) -> dict[str, pl.DataFrame]:
    """Split by hash of the cluster, else the id, else the whole row: a group never moves to another part."""
    keys = group_keys(rows, spec)
    places = {key: place(key) for key in keys.unique().to_list()}
    parts = split_at(rows, keys, places)
    if any(part.is_empty() for part in parts.values()):
        parts = split_at(rows, keys, ranked(places))
    if any(part.is_empty() for part in parts.values()):
        grouped = spec.data.cluster or ", ".join(spec.data.id) or "whole row"
        raise PermanentError(
            f"{rows.height} rows have {len(places)} groups of {grouped!r}; train, tune and gate need one each",
            next_step="bring more rows, or set data.cluster in service.yaml to a column with more values",
        )
    return parts


def split_at(rows: pl.DataFrame, keys: pl.Series, places: Mapping[str, float]) -> dict[str, pl.DataFrame]:
    at = keys.replace_strict(pl.Series(list(places)), pl.Series(list(places.values()), dtype=pl.Float64))
    gate, tune = at < GATE_SHARE, (at >= GATE_SHARE) & (at < GATE_SHARE + TUNE_SHARE)
    return {"train": rows.filter(~gate & ~tune), "tune": rows.filter(tune), "gate": rows.filter(gate)}


def place(key: str) -> float:
    """Return where in [0, 1) a group falls, the same on every machine and for ever."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest()) / 2**48


def ranked(places: Mapping[str, float]) -> dict[str, float]:
    """Return places spread evenly in the same order: few groups fill every part."""
    order = sorted(places, key=lambda key: (places[key], key))
    gate = math.ceil(GATE_SHARE * len(order))
    tune = math.ceil(TUNE_SHARE * len(order))
    return {key: 0.0 if i < gate else GATE_SHARE if i < gate + tune else 1.0 for i, key in enumerate(order)}


def group_keys(rows: pl.DataFrame, spec: Service) -> pl.Series:
    plain = [column for column, kind in rows.schema.items() if not (kind.is_nested() or kind == pl.Object)]
    columns = [spec.data.cluster] if spec.data.cluster else list(spec.data.id) or plain
    texts = [as_text(column, rows[column].dtype).fill_null("\0") for column in columns]
    return rows.select(key=pl.concat_str(texts, separator="\x1f")).to_series()


def as_text(column: str, kind: pl.DataType) -> pl.Expr:
    """Return a column as text, also one of a type that polars does not write."""
    here = pl.col(column)
    if kind == pl.Binary:
        return here.bin.encode("hex")
    return (here.to_physical() if kind == pl.Duration else here).cast(pl.String)


def refuse_unfit(rows: pl.DataFrame, spec: Service) -> None:
    """Raise for what no split can mend: no rows, a column that service.yaml names and the rows lack."""
    if rows.is_empty():
        raise PermanentError(f"source of {spec.service!r} has no rows", next_step="look at data.reader in service.yaml")
    made = ("day", "week") if spec.data.time else ()
    cluster = (spec.data.cluster,) if spec.data.cluster and spec.data.cluster not in made else ()
    named = [spec.data.label.column, *filter(None, [spec.data.time]), *spec.data.id, *cluster]
    for column in named:
        if column not in rows.columns:
            raise PermanentError(
                f"rows of {spec.service!r} have no column {column!r}, which service.yaml names."
                f"{did_you_mean(column, rows.columns)}",
                found=", ".join(rows.columns[:40]),
            )
    missing = labels_missing(rows, spec)
    if missing and (missing == rows.height or spec.data.label.missing == "refuse"):
        raise PermanentError(
            f"label {spec.data.label.column!r} is missing in {missing:,} of {rows.height:,} rows",
            next_step="bring the labels, or set data.label.missing to `exclude`" if missing < rows.height else None,
        )


def labels_missing(rows: pl.DataFrame, spec: Service) -> int:
    """Return how many rows have no label (null or NaN)."""
    label = rows[spec.data.label.column]
    return label.null_count() + (int(label.is_nan().sum()) if label.dtype.is_float() else 0)


def in_order(rows: pl.DataFrame, spec: Service) -> pl.DataFrame:
    """Return the rows by event time, then id: the same rows give the same bytes."""
    return rows.sort([str(spec.data.time), *spec.data.id], maintain_order=True)
