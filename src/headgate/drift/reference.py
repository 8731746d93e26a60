"""What a window is compared with: the champion's training features and its scores on rows it never saw."""

import polars as pl
from numpy.typing import ArrayLike

from headgate.drift.blocks import Null, codes, null_of
from headgate.drift.columns import profile, scores_frame
from headgate.names import Digest, DigestField, NameField, Uri
from headgate.records.codec import Part, Record
from headgate.specs.reading import show_duration
from headgate.specs.service import Service
from headgate.stats.profile import Profile


class ColumnReference(Part, frozen=True, kw_only=True):
    """One column: its profile, and how far its own blocks are from one another."""

    name: str
    profile: Profile
    null: Null
    is_score: bool = False
    expected: bool = False
    """A calendar column or an id: it moves with time, by its nature."""


class Reference(Record, frozen=True, kw_only=True, tag="drift-reference/1"):
    """All columns' profiles, small enough to keep beside the model (about 1 KB a column)."""

    service: NameField
    model: DigestField
    block: str
    """Length of a block and of the windows it judges, ISO 8601."""
    rows: int
    columns: tuple[ColumnReference, ...]
    left_out: tuple[str, ...] = ()
    """Features that are neither numbers nor categories."""


def build(
    features: pl.DataFrame,
    times: pl.Series | None,
    spec: Service,
    model: Digest,
    *,
    scores: ArrayLike | None = None,
    score_times: pl.Series | None = None,
    classes: tuple[str, ...] = (),
) -> Reference:
    """Return the reference made from the training rows' features (as computed for the model) and event times.

    `scores` are the model's answers on rows it was not trained on (tune and gate), `score_times` their event times;
    answers on training rows are too sure of themselves. Without times blocks are rows in a row.
    """
    found = _columns(features, times, spec, is_score=False)
    if scores is not None:
        found += _columns(scores_frame(scores, classes), score_times, spec, is_score=True)
    return Reference(
        service=spec.service,
        model=model,
        block=show_duration(spec.drift.window),
        rows=features.height,
        columns=tuple(found),
        left_out=tuple(sorted(set(features.columns) - {one.name for one in found if not one.is_score})),
    )


def uri(spec: Service, model: Digest) -> Uri:
    """Return where the reference of a model is kept; another window has another one."""
    return Uri(f"drift-references/{spec.service}/{model}/{show_duration(spec.drift.window)}.json")


def _columns(frame: pl.DataFrame, times: pl.Series | None, spec: Service, *, is_score: bool) -> list[ColumnReference]:
    blocks = codes(frame.height, times, spec.drift.window, spec.drift.min_rows)
    found = []
    for column in frame:
        whole = profile(column)
        if whole is not None:
            null = null_of(column, whole, blocks, spec.drift.min_rows)
            moves = not is_score and moves_with_time(column.name, spec)
            found.append(ColumnReference(name=column.name, profile=whole, null=null, is_score=is_score, expected=moves))
    return found


def moves_with_time(column: str, spec: Service) -> bool:
    """Say whether a column is declared to differ between windows: calendar, the event time, or what alone is the id.

    One part of an id of several columns, a carrier or an origin, is a feature like any other.
    """
    data = spec.data
    return data.roles.get(column) is not None or column == data.time or (column,) == data.id
