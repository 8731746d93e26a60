"""Which of the usual rules must fit the size of the rows? As many gate rows as there can be, leaks as few rows show."""

from datetime import timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from headgate import features
from headgate.contract.times import event_times, first_and_last
from headgate.evaluate.leaks import MOST_ROWS, strength
from headgate.specs.drift import Drift
from headgate.specs.gate import AnyRule, EnoughRows, NoLeak
from headgate.specs.service import Service

LEAST_ROWS = 20
"""Gate rows below which no interval is believed, however large the effect."""
LEAST_CLUSTERS = 5
"""Clusters below which a spread between them says nothing."""
USUAL = EnoughRows()
FEW_ROWS = 1000
"""With fewer rows an honest feature may look perfect by chance: with 50 rows a class its error is .01."""
HONEST = 0.98
"""What single features of easy problems reach; the usual limit is .99."""
USUAL_LEAK = 0.99
"""The balanced policy's limit."""
COPY = 0.9985
"""What only the label itself, or something made from it, reaches."""
RAISED = 0.999
SPARE = 1.2
"""A window of average traffic would be too small every other time."""


class Suspect(NamedTuple):
    """The feature that tells the label best alone."""

    name: str
    score: float
    rows: int


def rules(gate: pl.DataFrame, spec: Service, suspect: Suspect) -> list[tuple[AnyRule, str]]:
    """Return the rules to write beside the policy, each with its reason; none where there are rows enough."""
    return [rule for rule in (enough(gate, spec), leak(suspect)) if rule]


def labelled(rows: pl.DataFrame, spec: Service) -> pl.DataFrame:
    """Return the rows whose label came."""
    label = rows[spec.data.label.column]
    return rows.filter(label.is_not_null() & (label.is_not_nan() if label.dtype.is_float() else True))


def clusters(rows: pl.DataFrame, spec: Service) -> int:
    """Return how many clusters the labelled rows have."""
    return len(np.unique(features.clusters(labelled(rows, spec), spec)))


def enough(gate: pl.DataFrame, spec: Service) -> tuple[AnyRule, str] | None:
    """Return the usual minimum lowered to what these rows give, None where they give it."""
    rows, groups = labelled(gate, spec).height, clusters(gate, spec)
    least_rows = min(USUAL.rows, max(LEAST_ROWS, int(0.8 * rows) // 5 * 5))
    least_groups = min(USUAL.clusters, max(LEAST_CLUSTERS, int(0.8 * groups)))
    if rows >= USUAL.rows and groups >= USUAL.clusters:
        return None
    found = f"{rows:,} gate rows" + (f" in {groups:,} {spec.data.cluster}s" if spec.data.cluster else "")
    usual = f"{USUAL.rows} rows" + (f" in {USUAL.clusters} clusters" if spec.data.cluster else "")
    why = f"these data give {found}, the policy asks {usual}: only large effects will show"
    return EnoughRows(rows=least_rows, clusters=least_groups), why


def strongest(rows: pl.DataFrame, spec: Service) -> Suspect:
    """Return the feature that tells the label best alone, as the gate will measure it."""
    known = labelled(rows, spec)
    few = known.gather_every(max(1, known.height // MOST_ROWS))
    label = features.labels(few, spec, features.classes(few, spec))
    made = features.compute(few, spec)
    scores = {name: strength(made[name], label, spec.task) or 0.0 for name in made.columns}
    name = max(scores, key=scores.__getitem__)
    return Suspect(name, scores[name], known.height)


def leak(suspect: Suspect) -> tuple[AnyRule, str] | None:
    """Return a higher limit for single features where few rows cannot tell an honest one from a leak."""
    if suspect.rows >= FEW_ROWS or not HONEST <= suspect.score < COPY:
        return None
    why = (
        f"{suspect.name!r} alone reaches {suspect.score:.3f}: not known before the label? Then give it the role ignore"
    )
    return NoLeak(limit=RAISED), why


def accused(suspect: Suspect) -> str | None:
    """Return what a person must decide where the gate will take a feature for a leak."""
    if leak(suspect) or suspect.score < USUAL_LEAK:
        return None
    return f"{suspect.name!r} alone tells the label ({suspect.score:.3f}), so the gate will refuse it as a leak"


def drift_window(rows: pl.DataFrame, time: str) -> timedelta:
    """Return the shortest of one to four weeks that holds as many rows as a drift report needs, else a week."""
    first, last = first_and_last(event_times(rows, time))
    usual = Drift()
    a_day = rows.height / max((last - first) / timedelta(days=1), 1.0)
    windows = (weeks * timedelta(days=7) for weeks in range(1, 5))
    return next((one for one in windows if a_day * one.days >= SPARE * usual.min_rows), usual.window)
