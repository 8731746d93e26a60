"""What a fit function is given: encoded features and labels of rows whose label came."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate import features
from headgate.models.encoding import encode
from headgate.models.formats import Matrix
from headgate.models.signature import Signature
from headgate.specs.service import Service, Task


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows to learn from; `x`, `y`, `rows` and `clusters` are aligned."""

    x: Matrix
    """(rows, features) float32, missing is NaN; a category is its code, so it needs no further encoding."""
    y: NDArray[np.float64]
    """0/1, class codes 0, 1, …, or numbers; never NaN."""
    names: tuple[str, ...]
    categorical: NDArray[np.bool_]
    """Which columns of `x` hold category codes."""
    rows: pl.DataFrame
    """The rows as collected, label included, for whatever `x` does not hold."""
    clusters: NDArray[np.int64]
    """Equal for dependent rows, for instance those of one day: split and weigh by it."""
    task: Task
    classes: tuple[str, ...]
    """The label of code 0, 1, …; none for regression."""

    def __len__(self) -> int:
        return len(self.y)


def labelled(rows: pl.DataFrame, spec: Service, classes: tuple[str, ...]) -> pl.DataFrame:
    """Return the rows whose label came."""
    return rows.filter(pl.Series(~np.isnan(features.labels(rows, spec, classes))))


def sample(rows: pl.DataFrame, made: pl.DataFrame, spec: Service, signature: Signature) -> Sample:
    """Return labelled `rows` with their features `made`, encoded."""
    return Sample(
        x=encode(made, signature),
        y=features.labels(rows, spec, signature.classes),
        names=signature.names,
        categorical=np.array([feature.kind == "category" for feature in signature.features], dtype=np.bool_),
        rows=rows,
        clusters=features.clusters(rows, spec),
        task=signature.task,
        classes=signature.classes,
    )


def head(whole: Sample, n: int) -> Sample:
    """Return the first `n` rows."""
    return replace(whole, x=whole.x[:n], y=whole.y[:n], rows=whole.rows[:n], clusters=whole.clusters[:n])
