"""What a window is compared with: the champion's training features and its scores on rows it never saw."""

import polars as pl
from numpy.typing import ArrayLike

from headgate.drift.blocks import codes, null_of, wider
from headgate.drift.columns import numbers_profile, profile, profile_like, scores_frame
from headgate.drift.kept import ColumnReference, Null, Reference
from headgate.names import Digest
from headgate.specs.reading import show_duration
from headgate.specs.service import Service
from headgate.stats.profile import Profile

Answers = tuple[pl.DataFrame, pl.Series | None]
"""A model's answers as columns, and their event times."""


def build(
    features: pl.DataFrame,
    times: pl.Series | None,
    spec: Service,
    model: Digest,
    *,
    scores: ArrayLike | None = None,
    score_times: pl.Series | None = None,
    training_scores: ArrayLike | None = None,
    classes: tuple[str, ...] = (),
) -> Reference:
    """Return the reference made from the training rows' features (as computed for the model) and event times.

    `scores` are the model's answers on rows it was not trained on (tune, gate), `score_times` their event times. Ten
    tune days hold one week: `training_scores`, the answers on the training rows, show how far weeks are apart. They
    are too sure of themselves to be compared with, and sure in every week. Without times blocks are rows in a row.
    """
    found = [_column(column, times, spec) for column in features]
    held_out, learned = (
        pl.DataFrame() if answers is None else scores_frame(answers, classes) for answers in (scores, training_scores)
    )
    found += _scores((held_out, score_times), (learned, times), spec)
    kept = tuple(one for one in found if one is not None)
    return Reference(
        service=spec.service,
        model=model,
        block=show_duration(spec.drift.window),
        rows=features.height,
        columns=kept,
        left_out=tuple(sorted(set(features.columns) - {one.name for one in kept if not one.is_score})),
    )


def _column(column: pl.Series, times: pl.Series | None, spec: Service) -> ColumnReference | None:
    whole = profile(column)
    if whole is None:
        return None
    null = _null(column, whole, times, spec)
    return ColumnReference(name=column.name, profile=whole, null=null, expected=moves_with_time(column.name, spec))


def _scores(held_out: Answers, learned: Answers, spec: Service) -> list[ColumnReference]:
    (frame, times), (also, also_times) = held_out, learned
    found = []
    for column in frame:
        whole = numbers_profile(column)
        null = _null(column, whole, times, spec)
        if column.name in also.columns:
            null = wider(null, _null(also[column.name], whole, also_times, spec))
        found.append(ColumnReference(name=column.name, profile=whole, null=null, is_score=True))
    return found


def _null(column: pl.Series, bins: Profile, times: pl.Series | None, spec: Service) -> Null:
    blocks = codes(len(column), times, spec.drift.window, spec.drift.min_rows)
    whole = profile_like(column, bins)
    return null_of(column, whole, blocks, spec.drift.min_rows) if whole is not None else Null(blocks=0)


def moves_with_time(column: str, spec: Service) -> bool:
    """Say whether a column is declared to differ between windows: calendar, the event time, or what alone is the id.

    One part of an id of several columns, a carrier or an origin, is a feature like any other.
    """
    data = spec.data
    return data.roles.get(column) is not None or column == data.time or (column,) == data.id
