"""What does the predictions frame hold? One row a gate row: id, time, cluster, label, each role's prediction, slices.

A role is one column, or for multiclass one a class: `candidate.<class>`. A slice column is `slice.<column>`, as text.
A label that never came is null; a service whose rows are independent has one cluster a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate.errors import PermanentError
from headgate.names import Name
from headgate.records.judgement import Role
from headgate.specs.service import Service

ROLES: tuple[Role, ...] = get_args(Role)
SLICE = "slice."
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """A predictions frame as arrays; labels of classes are codes into `classes`, missing ones NaN."""

    frame: pl.DataFrame
    service: Name
    task: str
    clustered: bool

    @cached_property
    def roles(self) -> tuple[Role, ...]:
        """The roles that predicted, in their order of importance."""
        return tuple(role for role in ROLES if self.columns_of(role))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Every class that a role predicts or a row has, sorted: one no role knows has probability 0 everywhere."""
        if self.task != "multiclass":
            return ()
        predicted = {name.removeprefix(f"{role}.") for role in ROLES for name in self.columns_of(role)}
        return tuple(sorted(predicted | set(self.frame["label"].drop_nulls().to_list())))

    @cached_property
    def label(self) -> Floats:
        """(n,) codes or numbers."""
        column = self.frame["label"]
        if self.task == "multiclass":
            codes = {name: float(code) for code, name in enumerate(self.classes)}
            return np.array([codes.get(name, np.nan) for name in column.to_list()], dtype=np.float64)
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """(n,) whether the label came."""
        return ~np.isnan(self.label)

    @cached_property
    def clusters(self) -> NDArray[np.generic] | None:
        """(n,) cluster values; None where rows are declared independent."""
        return self.frame["cluster"].to_numpy() if self.clustered else None

    @cached_property
    def by_role(self) -> Mapping[Role, Floats]:
        """Each role's predictions, (n,) or (n, classes)."""
        return {role: self.array_of(role) for role in self.roles}

    def columns_of(self, role: Role) -> list[str]:
        if self.task == "multiclass":
            return [name for name in self.frame.columns if name.startswith(f"{role}.")]
        return [role] if role in self.frame.columns else []

    def array_of(self, role: Role) -> Floats:
        if self.task != "multiclass":
            return self.numbers(role)
        zero = np.zeros(self.frame.height)
        present = set(self.columns_of(role))
        return np.column_stack([self.numbers(n) if (n := f"{role}.{c}") in present else zero for c in self.classes])

    def numbers(self, column: str) -> Floats:
        return self.frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)

    def taken(self, mask: NDArray[np.bool_]) -> "Taken":
        """Return the rows of a mask, ready to be scored."""
        clusters = None if self.clusters is None else self.clusters[mask]
        return Taken(self.label[mask], {role: values[mask] for role, values in self.by_role.items()}, clusters)


@dataclass(frozen=True)
class Taken:
    """Some rows of the predictions: labels, predictions by role, clusters."""

    label: Floats
    by_role: Mapping[Role, Floats]
    clusters: NDArray[np.generic] | None

    @property
    def rows(self) -> int:
        return len(self.label)

    @property
    def cluster_count(self) -> int:
        """Independent groups among the rows; each row is one where none are declared."""
        return self.rows if self.clusters is None else len(np.unique(self.clusters))


def read(frame: pl.DataFrame, spec: Service) -> Predictions:
    """Return the predictions of a service as arrays, or say which column is missing."""
    for column in ("id", "time", "cluster", "label"):
        if column not in frame.columns:
            raise PermanentError(
                f"predictions of {spec.service!r} have no column {column!r}",
                found=", ".join(frame.columns[:20]),
                next_step="make them again with `headgate evaluate`",
            )
    predictions = Predictions(frame, spec.service, spec.task, spec.data.cluster is not None)
    if "candidate" not in predictions.roles:
        raise PermanentError(f"predictions of {spec.service!r} have none of the candidate")
    return predictions
