"""What do the pairs say? Differences with intervals by cluster, changed decisions, and metrics where labels came."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate import features
from headgate.errors import PermanentError
from headgate.records.comparison import Bounded, ShadowReport, Sides
from headgate.records.judgement import Estimate
from headgate.serve.shadow.mirroring import decisions
from headgate.serve.shadow.pairs import PairsHead, is_calendar
from headgate.specs.service import Service
from headgate.stats.clustered import estimate, interval, paired
from headgate.stats.metrics import Scored, Undefined, score

Floats = NDArray[np.float64]


def report(
    head: PairsHead, rows: pl.DataFrame, spec: Service, labels: pl.DataFrame | None = None, alpha: float = 0.05
) -> ShadowReport:
    """Return the paired differences; `labels` (`id`, `label`) add the metrics of the rows whose label came."""
    clusters = clusters_of(rows, spec)
    sides = {side: scores_of(rows, side) for side in ("champion", "shadow")}
    mean = {name: mean_of(name, values, clusters, alpha) for name, values in named_differences(head, **sides).items()}
    changed = (decisions(sides["champion"]) != decisions(sides["shadow"])).astype(np.float64)
    metrics, labelled = measured(head, rows, spec, labels, alpha) if labels is not None else ((), 0)
    return ShadowReport(
        service=head.service,
        champion=head.champion,
        shadow=head.shadow,
        rows=rows.height,
        clusters=len(np.unique(clusters)),
        alpha=alpha,
        differences=tuple(mean.values()),
        changed=None if head.task == "regression" else mean_of("changed", changed, clusters, alpha),
        labelled=labelled,
        metrics=metrics,
    )


def scores_of(rows: pl.DataFrame, side: str) -> Floats:
    """Return one model's answers: (n,), or (n, classes)."""
    column = rows[side]
    return np.array(column.to_list(), dtype=np.float64) if column.dtype == pl.List else column.to_numpy()


def clusters_of(rows: pl.DataFrame, spec: Service) -> NDArray[np.int64]:
    """Return a code per row, equal for dependent rows, as the gate has them."""
    if is_calendar(spec):
        length = "1d" if spec.data.cluster == "day" else "1w"
        rows = rows.with_columns(cluster=pl.col("time").dt.truncate(length))
    elif spec.data.cluster is None:
        return np.arange(rows.height)
    return np.asarray(rows["cluster"].rank("dense").cast(pl.Int64).fill_null(0).to_numpy())


def named_differences(head: PairsHead, champion: Floats, shadow: Floats) -> dict[str, Floats]:
    """Return shadow minus champion, an array an output."""
    if head.task != "multiclass":
        return {"value" if head.task == "regression" else "probability": shadow - champion}
    return {f"probability.{name}": shadow[:, place] - champion[:, place] for place, name in enumerate(head.classes)}


def mean_of(name: str, values: Floats, clusters: NDArray[np.int64], alpha: float) -> Bounded:
    """Return the mean with its interval by cluster."""
    mean = float(values.mean())
    return bounded(name, estimate(Scored(mean, values - mean), clusters), alpha)


def bounded(name: str, found: Estimate | Undefined, alpha: float) -> Bounded:
    if isinstance(found, Undefined):
        raise PermanentError(f"{name} of shadow and champion cannot be compared: {found.reason}")
    low, high = interval(found, alpha)
    return Bounded(name=name, value=found.value, low=low, high=high)


def measured(
    head: PairsHead, rows: pl.DataFrame, spec: Service, labels: pl.DataFrame, alpha: float
) -> tuple[tuple[Sides, ...], int]:
    """Return each metric of both models on the labelled rows, and how many those are."""
    told = (
        labels.filter(pl.col("label").is_not_null())
        .unique("id", keep="last")
        .select(pl.col("id").cast(pl.String), "label")
    )
    known = rows.join(told, on="id", how="inner", maintain_order="left")
    if known.is_empty():
        return (), 0
    label = features.labels(named(known, spec), spec, head.classes)
    return tuple(sides(known, label, spec, alpha)), known.height


def named(rows: pl.DataFrame, spec: Service) -> pl.DataFrame:
    return rows.select(pl.col("label").alias(spec.data.label.column))


def sides(known: pl.DataFrame, label: Floats, spec: Service, alpha: float) -> Iterator[Sides]:
    """Yield the metrics that these rows have."""
    clusters = clusters_of(known, spec)
    for metric in spec.metrics:
        champion, shadow = (score(metric, label, scores_of(known, side)) for side in ("champion", "shadow"))
        if isinstance(champion, Undefined) or isinstance(shadow, Undefined):
            continue
        difference = bounded(metric, paired(shadow, champion, clusters), alpha)
        yield Sides(metric=metric, champion=champion.value, shadow=shadow.value, difference=difference)
