"""Gate rows x models → the predictions frame (see `frame`): what every number of an Evaluation is computed from."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import polars as pl

from headgate import features
from headgate.contract.times import event_times
from headgate.errors import PermanentError
from headgate.evaluate.frame import ROLES, SLICE, Floats
from headgate.evaluate.slices import as_text, slice_columns
from headgate.models.signature import Signature
from headgate.names import did_you_mean
from headgate.records.judgement import Role
from headgate.specs.service import Service


class Predictor(Protocol):
    """A loaded model."""

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""

    def predict(self, features: pl.DataFrame, /) -> Floats:
        """Return P(positive) (n,), class probabilities (n, classes), or numbers (n,)."""


def trivial(labels: Floats, task: str, classes: Sequence[str] = ()) -> tuple[float, ...]:
    """Return what the baseline predicts for every row: the training labels' share of 1, class shares, or mean.

    >>> trivial(np.array([0.0, 1.0, 1.0, np.nan, 1.0]), "binary")
    (0.75,)
    """
    known = labels[~np.isnan(labels)]
    if not len(known):
        raise PermanentError("training rows have no label: there is no baseline to beat")
    if task == "multiclass":
        shares = np.bincount(known.astype(np.intp), minlength=len(classes)) / len(known)
        return tuple(float(share) for share in shares)
    return (float(known.mean()),)


def predict(
    gate_rows: pl.DataFrame,
    spec: Service,
    function: features.FeatureFunction | None,
    loaded: Mapping[Role, Predictor],
    baseline: Sequence[float],
) -> pl.DataFrame:
    """Return the predictions frame of the gate rows: every role on the same rows, missing labels kept as null."""
    if "candidate" not in loaded:
        raise PermanentError(f"no candidate to evaluate for {spec.service!r}", found=", ".join(loaded))
    made = features.compute(gate_rows, spec, function)
    classes = loaded["candidate"].signature.classes
    columns = [*facts(gate_rows, spec, classes)]
    for role in ROLES:
        if role in loaded:
            columns += role_columns(role, loaded[role].predict(made), loaded[role].signature.classes, classes, spec)
    columns += role_columns("baseline", np.tile(baseline, (gate_rows.height, 1)), classes, classes, spec)
    return pl.DataFrame([*columns, *sliced(gate_rows, made, spec)])


def facts(rows: pl.DataFrame, spec: Service, classes: Sequence[str]) -> list[pl.Series]:
    """Return the columns id, time, cluster and label."""
    absent = pl.Series([None] * rows.height, dtype=pl.Datetime("us"))
    time = event_times(rows, spec.data.time) if spec.data.time else absent
    return [
        features.ids(rows, spec).alias("id"),
        time.alias("time"),
        pl.Series("cluster", features.clusters(rows, spec)),
        label_of(rows, spec, classes).alias("label"),
    ]


def label_of(rows: pl.DataFrame, spec: Service, classes: Sequence[str]) -> pl.Series:
    """Return class names for multiclass, also those no training row had, and else 0/1 or numbers; null: never came."""
    if spec.task == "multiclass":
        return features.class_texts(features.label_column(rows, spec))
    return pl.Series(features.labels(rows, spec, classes), dtype=pl.Float64).fill_nan(None)


def role_columns(
    role: Role, predicted: Floats, own: Sequence[str], classes: Sequence[str], spec: Service
) -> list[pl.Series]:
    """Return a role's columns; binary predictions of a model whose positive class is the other way are turned round."""
    if spec.task == "multiclass":
        return [pl.Series(f"{role}.{name}", predicted[:, code]) for code, name in enumerate(own)]
    values = predicted.reshape(-1)
    turned = spec.task == "binary" and tuple(own) != tuple(classes)
    if turned and tuple(own) != tuple(reversed(classes)):
        raise PermanentError(
            f"the {role} tells {' from '.join(own)} and the candidate {' from '.join(classes)}: nothing to compare",
            next_step="give the new question a service of its own",
        )
    return [pl.Series(role, 1 - values if turned else values)]


def sliced(rows: pl.DataFrame, made: pl.DataFrame, spec: Service) -> list[pl.Series]:
    """Return the slice columns as text, from the rows or else from the features."""
    found = []
    for column in slice_columns(spec.evaluate.slices):
        source = rows if column in rows.columns else made
        if column not in source.columns:
            raise PermanentError(
                f"evaluate.slices names {column!r}, which rows of {spec.service!r} do not have."
                f"{did_you_mean(column, [*rows.columns, *made.columns])}",
                found=", ".join(rows.columns[:40]),
                next_step="correct evaluate.slices in service.yaml",
            )
        found.append(as_text(source[column]).alias(SLICE + column))
    return found
