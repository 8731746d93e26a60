"""Predictions x labels x window → what the served model's answers were worth, once its labels could have come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from headgate.contract.times import as_naive_utc, in_utc, inside, naive, show_time, show_window
from headgate.errors import PermanentError, TransientError
from headgate.names import Digest, Name, Uri, did_you_mean
from headgate.records.dataset import Window
from headgate.records.live import LabelledWindow
from headgate.specs.service import Service

ID, TIME, AT, MODEL, LABEL, KNOWN_AT = "id", "time", "at", "model", "label", "known_at"
ASKED = "asked"
NEVER = pl.lit(None, pl.Datetime("us"))


@dataclass(frozen=True, slots=True)
class Joined:
    """The facts of a LabelledWindow; `record` adds where its rows are kept."""

    window: Window
    predictions: int
    labelled: int
    missing: int
    duplicates: int
    late: int
    corrections: int
    models: Mapping[str, int]
    """sha256 → predictions, the one with most first."""

    def record(self, service: Name, environment: Name, uri: Uri, sha256: Digest) -> LabelledWindow:
        """Return the record of these facts; PermanentError when nothing was predicted in the window."""
        if not self.models:
            raise PermanentError(
                f"nothing was predicted with event time from {show_window(self.window)}",
                next_step="choose a window in which the service was asked",
            )
        return LabelledWindow(
            service=service,
            environment=environment,
            window=self.window,
            model=Digest(next(iter(self.models))),
            predictions=self.predictions,
            labelled=self.labelled,
            missing=self.missing,
            duplicates=self.duplicates,
            late=self.late,
            corrections=self.corrections,
            models=dict(self.models),
            uri=uri,
            sha256=sha256,
        )


def closes_at(window: Window, spec: Service) -> datetime:
    """Return when every label of the window could have come; labels known later take no part."""
    return in_utc(window.end) + spec.data.label.matures_after


def join(
    predictions: pl.DataFrame, labels: pl.DataFrame, spec: Service, window: Window, as_of: datetime | None = None
) -> tuple[Joined, pl.DataFrame]:
    """Return a window's facts and its predictions, each id once, with `label` null where none came in time.

    `predictions` as `serve.log.read` gives them. `labels`: `id`, `label` and, where they are known, `known_at` and
    `time`, the event time of the row that the label is of; a null label is none. The first answer to an id counts, and
    the last label known when the window closes. TransientError while it has not closed (`as_of`).
    """
    closes = closes_at(window, spec)
    refuse_open(window, closes, as_of)
    answers = answered(predictions, window)
    first = answers.unique(ID, keep="first", maintain_order=True)
    known = told(labels, first)
    counted = known.filter(pl.col(KNOWN_AT).is_null() | (pl.col(KNOWN_AT) <= naive(closes)))
    last = counted.unique(ID, keep="last").select(ID, LABEL)
    rows = first.join(last, on=ID, how="left", maintain_order="left")
    missing = rows.filter(pl.col(LABEL).is_null())[ID]
    facts = Joined(
        window=window,
        predictions=rows.height,
        labelled=rows.height - missing.len(),
        missing=missing.len(),
        duplicates=answers.height - rows.height,
        late=known.filter(pl.col(ID).is_in(missing.implode()))[ID].n_unique(),
        corrections=corrections(counted),
        models=by_count(rows[MODEL]),
    )
    return facts, in_order(rows)


def refuse_open(window: Window, closes: datetime, as_of: datetime | None) -> None:
    if as_of is not None and in_utc(as_of) < closes:
        raise TransientError(
            f"labels of {show_window(window)} can come until {show_time(closes)}; it is {show_time(in_utc(as_of))}",
            next_step="join the window then",
        )


def answered(predictions: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Return the answers with event time in the window, in the order they were given."""
    require(predictions, (ID, TIME, AT, MODEL), "predictions")
    return predictions.filter(inside(as_naive_utc(predictions[TIME]), window)).sort(AT, maintain_order=True)


def told(labels: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return the labels of the rows that were asked for, in the order they became known.

    One id may come again in another window: a label that says its row's time is of no other row.
    """
    require(labels, (ID, LABEL), "labels")
    moments = {name: as_naive_utc(labels[name]) if name in labels.columns else NEVER for name in (KNOWN_AT, TIME)}
    rows = asked.select(ID, as_naive_utc(asked[TIME]).alias(ASKED))
    return (
        labels.select(pl.col(ID).cast(pl.String), LABEL, *(column.alias(name) for name, column in moments.items()))
        .join(rows, on=ID, how="inner", maintain_order="left")
        .filter(pl.col(LABEL).is_not_null() & (pl.col(TIME).is_null() | (pl.col(TIME) == pl.col(ASKED))))
        .sort(KNOWN_AT, nulls_last=False, maintain_order=True)
        .select(ID, LABEL, KNOWN_AT)
    )


def corrections(known: pl.DataFrame) -> int:
    """Return how many labels replaced another one of the same id; the same one told again replaces nothing."""
    return known.filter(pl.col(LABEL) != pl.col(LABEL).shift().over(ID)).height


def by_count(models: pl.Series) -> dict[str, int]:
    """Return how many rows each model answered, most first."""
    counts = models.value_counts(name="rows").sort(["rows", MODEL], descending=[True, False])
    return dict(zip(counts[MODEL].to_list(), counts["rows"].to_list(), strict=True))


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows in event-time order, `label` before what was predicted."""
    front = [ID, TIME, AT, MODEL, LABEL]
    return rows.select(*front, pl.exclude(front)).sort(TIME, ID)


def require(frame: pl.DataFrame, columns: Iterable[str], what: str) -> None:
    for column in columns:
        if column not in frame.columns:
            raise PermanentError(
                f"{what} have no column {column!r}.{did_you_mean(column, frame.columns)}",
                found=", ".join(frame.columns[:40]),
            )
