"""Which arm is better? Matured labels, an outcome a row, errors by key, bounds that hold however often one looks."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from headgate import features
from headgate.errors import PermanentError
from headgate.names import Digest, Name, did_you_mean
from headgate.records.comparison import Arm, Bounded, ExperimentReport
from headgate.serve.logs.prediction_log import inputs_of, read_segment, segments
from headgate.serve.logs.segment import Assignment, Segment
from headgate.specs.service import Service
from headgate.stats.arms import difference
from headgate.stats.clustered import estimate
from headgate.stats.losses import ROW_LOSSES
from headgate.stats.metrics import METRICS, Undefined
from headgate.stats.sequential import bernoulli_bounds, mean_bounds

FEWEST_KEYS = 25
"""Labelled keys an arm needs before its mean is near enough to normal for the bounds to hold."""
MISMATCH_ALPHA = 0.001
"""Level at which the arms' sizes are not what chance gives; looked at every time, too."""
LABEL = "label"
"""The outcome that is the label itself: what the answers brought about."""


class Arms(NamedTuple):
    """What an experiment's log says of its arms."""

    assignments: Mapping[str, Assignment]
    models: Mapping[str, Digest]
    rows: pl.DataFrame
    """Each id once, its first answer: `id`, `time`, `arm`, `key` and the prediction."""


def read_arms(log_dir: Path, experiment: str) -> Arms:
    """Return the rows that one experiment divided; PermanentError where there are none, or its chances changed."""
    assignments: dict[str, Assignment] = {}
    models: dict[str, Digest] = {}
    frames, others = [], set()
    for path in segments(log_dir, None):
        head = head_of(path)
        if head is None or head.assignment is None:
            continue
        if head.assignment.experiment != experiment:
            others.add(head.assignment.experiment)
            continue
        arm = head.assignment.arm
        if (
            assignments.setdefault(arm, head.assignment) != head.assignment
            or models.setdefault(arm, head.model) != head.model
        ):
            raise changed(experiment, arm)
        if (rows := read_segment(path)) is not None:
            frames.append(divided(rows, head.assignment))
    if not frames:
        raise PermanentError(
            f"no answers of experiment {experiment!r} in {str(log_dir)!r}.{did_you_mean(experiment, others)}",
            next_step="serve with --experiment and --log-dir, and ask it something",
        )
    whole = pl.concat(frames).sort("at", maintain_order=True).unique("id", keep="first", maintain_order=True)
    return Arms(assignments, models, whole)


def head_of(path: Path) -> Segment | None:
    """Return how a file of the prediction log is read, None where it was torn in its first line."""
    with path.open("rb") as file:
        first = file.readline()
    try:
        return msgspec.json.decode(first, type=Segment)
    except msgspec.DecodeError:
        return None


def changed(experiment: str, arm: str) -> PermanentError:
    return PermanentError(
        f"experiment {experiment!r} had another model, key or share for {arm} at another time",
        next_step="begin a new experiment, under a new name, whenever one of them changes",
    )


def divided(rows: pl.DataFrame, assignment: Assignment) -> pl.DataFrame:
    key = inputs_of(rows)[assignment.key].cast(pl.String).alias("key")
    return rows.drop("inputs", "model").with_columns(key, pl.lit(assignment.arm).alias("arm"))


def report(
    arms: Arms, labels: pl.DataFrame, spec: Service, experiment: Name, *, metric: str, effect: float, alpha: float
) -> ExperimentReport:
    """Return which arm is better by an outcome of each labelled row: a metric's, signed so that more is better."""
    refuse_metric(metric, spec)
    told = (
        labels.filter(pl.col("label").is_not_null())
        .unique("id", keep="last")
        .select(pl.col("id").cast(pl.String), "label")
    )
    rows = arms.rows.join(told, on="id", how="left", maintain_order="left")
    known = rows.filter(pl.col("label").is_not_null())
    first = next(iter(arms.assignments.values()))
    outcome = outcomes(known, first.classes, spec, metric)
    share = arms.assignments["treatment"].propensity if "treatment" in arms.assignments else 0.0
    present = [name for name in ("control", "treatment") if name in arms.models]
    judged = judge(rows, known, outcome, share, effect=effect, alpha=alpha)
    return ExperimentReport(
        service=spec.service,
        experiment=experiment,
        key=first.key,
        metric=metric,
        arms=tuple(arm_of(name, arms, rows, known, outcome) for name in present),
        alpha=alpha,
        effect=effect,
        difference=judged.difference,
        outcome=judged.outcome,  # type: ignore[arg-type]  # one of the words below
        reason=judged.reason,
    )


def refuse_metric(metric: str, spec: Service) -> None:
    known = [LABEL, *(name for name in ROW_LOSSES if spec.task in METRICS[name].tasks)]
    if metric not in known:
        raise PermanentError(
            f"{metric!r} is no outcome of a row of {spec.service!r}.{did_you_mean(metric, known)}",
            found=", ".join(known),
        )


def outcomes(known: pl.DataFrame, classes: tuple[str, ...], spec: Service, metric: str) -> NDArray[np.float64]:
    """Return each labelled row's outcome, the higher the better."""
    if known.is_empty():
        return np.zeros(0)
    named = known.select(pl.col("label").alias(spec.data.label.column))
    label = features.labels(named, spec, classes)
    if metric == LABEL:
        return label
    sign = 1 if METRICS[metric].higher_is_better else -1
    return sign * ROW_LOSSES[metric](label, scores_of(known, classes, spec))


def scores_of(known: pl.DataFrame, classes: tuple[str, ...], spec: Service) -> NDArray[np.float64]:
    """Return what each row was answered: (n,), or (n, classes)."""
    if spec.task == "multiclass":
        return known.select(f"prediction.{name}" for name in classes).to_numpy()
    return known["prediction"].to_numpy()


class Judged(NamedTuple):
    """The report's last word."""

    outcome: str
    reason: str
    difference: Bounded | None = None


def judge(
    rows: pl.DataFrame, known: pl.DataFrame, outcome: NDArray[np.float64], share: float, *, effect: float, alpha: float
) -> Judged:
    """Return what may be said; an experiment whose arms are not what chance gives says nothing."""
    if reason := mismatch(rows, share):
        return Judged("mismatch", reason)
    keys = {arm: known.filter(pl.col("arm") == arm)["key"].n_unique() for arm in ("control", "treatment")}
    if min(keys.values()) < FEWEST_KEYS:
        return Judged("insufficient_data", f"{min(keys.values())} labelled keys in an arm, {FEWEST_KEYS} needed")
    found = estimate(difference(outcome, (known["arm"] == "treatment").to_numpy()), known["key"].to_numpy())
    if isinstance(found, Undefined):
        return Judged("insufficient_data", found.reason)
    low, high = mean_bounds(found.value, found.standard_error, effect, alpha)
    bounds = Bounded(name="treatment - control", value=found.value, low=low, high=high)
    if low <= 0 <= high:
        return Judged("undecided", "zero is within the bounds: go on, or end it knowing that", bounds)
    better = "treatment" if low > 0 else "control"
    return Judged(better, f"zero is outside the bounds: {better} is better, at whatever look this is", bounds)


def mismatch(rows: pl.DataFrame, share: float) -> str | None:
    """Return why the arms cannot be what chance made of the keys."""
    by_key = rows.group_by("key").agg(
        pl.col("arm").n_unique().alias("arms"), (pl.col("arm") == "treatment").any().alias("treated")
    )
    torn = by_key.filter(pl.col("arms") > 1).height
    if torn:
        return f"{torn:,} keys are in both arms"
    treated = int(by_key["treated"].sum())
    low, high = bernoulli_bounds(treated, by_key.height, MISMATCH_ALPHA)
    if low <= share <= high:
        return None
    return (
        f"{treated:,} of {by_key.height:,} keys are in treatment, and the share is {share:g}: some rows are not logged"
    )


def arm_of(name: str, arms: Arms, rows: pl.DataFrame, known: pl.DataFrame, outcome: NDArray[np.float64]) -> Arm:
    own, labelled = rows.filter(pl.col("arm") == name), (known["arm"] == name).to_numpy()
    return Arm(
        name=name,  # type: ignore[arg-type]  # one of the two that were divided
        model=arms.models[name],
        propensity=arms.assignments[name].propensity,
        keys=own["key"].n_unique(),
        rows=own.height,
        labelled=int(labelled.sum()),
        mean=float(outcome[labelled].mean()) if labelled.any() else None,
    )
