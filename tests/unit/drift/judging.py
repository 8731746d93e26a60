"""Windows judged against ten weeks of weather."""

from functools import cache

import numpy as np
import polars as pl

from headgate.drift.kept import Reference
from headgate.drift.reference import build
from headgate.drift.report import report
from headgate.records.live import ColumnDrift, DriftReport
from headgate.specs.drift import Drift
from unit.drift.weather import MODEL, PROD, SPEC, rows, times, window

POLICY = SPEC.drift
WEEKS = 10


@cache
def reference(season: float = 0.0, seed: int = 1) -> Reference:
    random = np.random.default_rng(seed)
    scores = random.beta(2, 5, 4 * 840)
    training = rows(random, WEEKS, season=season)
    return build(training, times(WEEKS), SPEC, MODEL, scores=scores, score_times=times(4))


def judged(features: pl.DataFrame, scores: object = None, policy: Drift = POLICY, season: float = 0.0) -> DriftReport:
    return report(features, scores, reference(season), policy, window(WEEKS), environment=PROD)  # type: ignore[arg-type]


def column(found: DriftReport, name: str) -> ColumnDrift:
    return next(one for one in found.columns if one.column == name)


def week(seed: int = 2, per_day: int = 120) -> pl.DataFrame:
    return rows(np.random.default_rng(seed), per_day=per_day)
