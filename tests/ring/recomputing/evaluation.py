"""What an evaluation must say, from the stored predictions alone."""

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from recomputing.estimates import METRICS, Floats, Moved, estimate, mean_of, worst_case

ROLES = ("candidate", "champion", "anchor", "baseline")
BINS = 10
MOST_SLICES = 50
Record = dict[str, Any]


class Answers:
    """The stored predictions as arrays; a label that never came is NaN, and a cluster is a day."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self.label = numbers(frame["label"])
        self.known = ~np.isnan(self.label)
        self.day: NDArray[Any] = frame["time"].dt.date().cast(pl.Int32).to_numpy()
        self.roles = {role: numbers(frame[role]) for role in ROLES if role in frame.columns}

    def moved(self, metric: str, role: str, rows: NDArray[np.bool_]) -> Moved | None:
        return METRICS[metric](self.label[rows], self.roles[role][rows])


def numbers(column: pl.Series) -> Floats:
    return np.array([np.nan if value is None else value for value in column.to_list()], dtype=np.float64)


def expected(answers: Answers) -> Record:
    """Return the fields of the evaluation that follow from predictions."""
    known, missing = answers.known, int((~answers.known).sum())
    return {
        "rows": int(known.sum()),
        "clusters": len(set(answers.day[known].tolist())),
        "labels_missing": missing,
        "rows_missing_share": missing / len(known),
        "duplicate_ids": len(known) - len(set(answers.frame["id"].to_list())),
        "metrics": {
            f"{metric} {role}": estimate(answers.moved(metric, role, known), answers.day[known])
            for metric in METRICS
            for role in answers.roles
        },
        "comparisons": {
            f"{metric} {role}": comparison(answers, metric, role)
            for metric in METRICS
            for role in answers.roles
            if role != "candidate"
        },
        "slices": slices(answers),
        "calibration": {role: calibration(answers, role) for role in ROLES[:2] if role in answers.roles},
    }


def difference(answers: Answers, metric: str, role: str, rows: NDArray[np.bool_]) -> Record | None:
    mine, other = (answers.moved(metric, one, rows) for one in ("candidate", role))
    return None if mine is None or other is None else estimate(mine.minus(other), answers.day[rows])


def comparison(answers: Answers, metric: str, role: str) -> Record:
    bounds = None
    if not answers.known.all():
        bounds = worst_case(metric, answers.label, answers.roles["candidate"], answers.roles[role])
    return {"delta": difference(answers, metric, role, answers.known), "worst_case": bounds}


def slices(answers: Answers) -> dict[str, Record]:
    """Return the largest groups that `origin` and `carrier` make, in the order they are listed."""
    masks = {}
    for column in [name for name in answers.frame.columns if name.startswith("slice.")]:
        values = np.array(answers.frame[column].fill_null("null").to_list())
        for value in sorted(set(values[answers.known].tolist())):
            masks[f"{column.removeprefix('slice.')}={value}"] = answers.known & (values == value)
    largest = sorted(masks, key=lambda name: (-int(masks[name].sum()), name))[:MOST_SLICES]
    return {f"{metric} {name}": one_slice(answers, metric, masks[name]) for name in largest for metric in METRICS}


def one_slice(answers: Answers, metric: str, rows: NDArray[np.bool_]) -> Record:
    sides = {one: answers.moved(metric, one, rows) if one in answers.roles else None for one in ROLES[:2]}
    return {
        **{one: None if moved is None else moved.value for one, moved in sides.items()},
        "delta": difference(answers, metric, "champion", rows) if sides["champion"] else None,
        "rows": int(rows.sum()),
        "clusters": len(set(answers.day[rows].tolist())),
    }


def calibration(answers: Answers, role: str) -> Record:
    """Return observed minus predicted mean, and ten bins of equal count in the order of the predictions."""
    said, seen, day = answers.roles[role][answers.known], answers.label[answers.known], answers.day[answers.known]
    order = np.lexsort((np.arange(len(said)), said))
    sizes = [len(order) // BINS + (place < len(order) % BINS) for place in range(BINS)]
    cuts = np.cumsum([0, *sizes])
    bins = [[float(said[order[a:b]].mean()), float(seen[order[a:b]].mean()), int(b - a)] for a, b in pairwise(cuts)]
    return {
        "in_the_large": estimate(mean_of(seen - said), day),
        "expected_error": sum(abs(mean_seen - mean_said) * rows for mean_said, mean_seen, rows in bins) / len(said),
        "bins": bins,
    }
