"""What a rule may look at: the evidence, and the level it is judged at."""

import math
from dataclasses import dataclass
from functools import cached_property

from headgate.names import Digest
from headgate.records.judgement import Comparison, Estimate, Evaluation, Measured, Role
from headgate.specs.service import Service
from headgate.stats.metrics import METRICS

RELATIVE = frozenset({"rmse", "mae"})
"""Metrics in the label's unit: no margin suits every label, so margins are shares of the baseline's value."""


@dataclass(frozen=True)
class Case:
    """One Evaluation before the gate."""

    evaluation: Evaluation
    spec: Service
    alpha: float
    """Two-sided level of this look."""
    champion_now: Digest | None

    def metric(self, named: str | None) -> str:
        """Return the metric a rule means: the one it names, or the service's first."""
        return named or self.spec.metrics[0]

    def measured(self, metric: str, role: Role) -> Measured | None:
        return next((m for m in self.evaluation.metrics if (m.metric, m.role) == (metric, role)), None)

    def comparison(self, metric: str, against: Role) -> Comparison | None:
        return next((c for c in self.evaluation.comparisons if (c.metric, c.against) == (metric, against)), None)

    def value(self, metric: str, role: Role) -> float | None:
        """Return the metric of a role where it is a number."""
        found = self.measured(metric, role)
        return found.estimate.value if found and found.estimate and math.isfinite(found.estimate.value) else None

    def unit(self, metric: str) -> float | None:
        """Return what a margin of 1 is in the metric's units; None when that cannot be known."""
        if metric not in RELATIVE:
            return 1.0
        baseline = self.value(metric, "baseline")
        return baseline if baseline and baseline > 0 else None

    @cached_property
    def cluster_word(self) -> str:
        """What one more of is needed when the evidence is thin: a day, a week, a group, a row."""
        by = self.evaluation.clustered_by
        return "row" if by is None else by if by in ("day", "week") else f"{by!r} group"

    def days(self, clusters: int) -> int:
        """Return about how many days of event time bring that many clusters; without event time, the clusters."""
        window = self.evaluation.window
        if window is None or self.evaluation.clusters == 0:
            return clusters
        length_days = window.length.total_seconds() / 86_400
        return max(1, math.ceil(clusters * length_days / self.evaluation.clusters))

    def more(self, clusters: int) -> str:
        """Return the same for people: `about 12 more days`."""
        if self.evaluation.window is not None:
            days = self.days(clusters)
            return f"about {days:,} more day{'s' * (days != 1)}"
        return f"about {clusters:,} more {self.cluster_word}{'s' * (clusters != 1)}"


def direction(metric: str) -> int:
    """Return 1 where more is better, -1 where less is."""
    return 1 if METRICS[metric].higher_is_better else -1


def usable(estimate: Estimate | None) -> bool:
    """Say whether an estimate is there and made of numbers."""
    return estimate is not None and math.isfinite(estimate.value) and math.isfinite(estimate.standard_error)
