"""What a cluster says of itself: Rollouts with their analyses, Workflows, and objects nobody can read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import field

MARKS = "headgate.dev/"
"""Prefix of the labels and annotations by which the charts say what they rendered.

On a Rollout, annotations `model` (sha256), `serving` (the settings of serving.yaml as JSON) and `chart`
(`<chart>/<runtime>`); its AnalysisRuns have the same as arguments, which say what was judged. A
Rollout's name is the service, its namespace the environment's; where environments share one, label `environment`.
On a Workflow: labels `service`, `environment`, `key`, `attempt`; annotation `trigger` (its record).
"""
PART_OF = "app.kubernetes.io/part-of=headgate"
"""The label of every object that is ours."""

Phase = Literal["Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"]
ENDED: tuple[Phase, ...] = ("Successful", "Failed", "Error", "Inconclusive")


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What the chart says an object was rendered from; None where it says nothing."""

    model: str | None = None
    serving: str | None = None
    """The pod settings as JSON."""
    chart: str | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of an AnalysisRun."""

    metric: str
    phase: Phase
    value: str = ""
    """The last measurement, as Rollouts prints it: `[1]`."""
    message: str = ""
    last: Phase = "Successful"
    """How the last measurement ended, `Pending` without one: a run that is terminated calls the metric successful."""
    dry: bool = False
    """It is measured for people to see and takes no part in the outcome."""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """One AnalysisRun of a Rollout's revision."""

    name: str
    pods: str
    """The pod-template hash it judged."""
    revision: str
    """The Rollout's revision number at that time: the same pods may have come before."""
    step: int | None = None
    """Index of the Rollout's step; None for one that runs beside all steps."""
    phase: Phase
    message: str = ""
    measured: tuple[Measured, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    marks: Marks = Marks()


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """One served model's Rollout, with the AnalysisRuns of all revisions that are still kept."""

    namespace: str
    name: str
    service: str
    environment: str
    revision: str = ""
    phase: str
    """Healthy, Progressing, Paused, Degraded."""
    message: str = ""
    settled: bool = True
    """Its controller has seen the newest spec."""
    current: str = ""
    """Pod-template hash of the newest revision."""
    stable: str = ""
    step: int | None = None
    weights: tuple[int, ...] = ()
    """By step: the canary's percentage during it."""
    weight: int = 0
    aborted_at: datetime | None = None
    promoting: bool = False
    """Its remaining steps are being skipped."""
    paused_at: datetime | None = None
    """Since when an inconclusive analysis holds it."""
    healthy_at: datetime | None = None
    marks: Marks = Marks()
    examinations: tuple[Examination, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """Environment and service."""
        return self.environment, self.service

    @property
    def judged(self) -> tuple[Examination, ...]:
        """The examinations of the newest revision, oldest first."""
        own = [one for one in self.examinations if (one.pods, one.revision) == (self.current, self.revision)]
        return tuple(sorted(own, key=lambda one: (one.started_at is None, one.started_at, one.name)))

    @property
    def in_canary(self) -> bool:
        """Whether a new revision is on its way, neither aborted nor all the way."""
        return bool(self.stable) and self.current != self.stable and self.aborted_at is None


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a pipeline."""

    name: str
    service: str
    environment: str
    key: str
    """The lock: a trigger's key, or a pushed commit's first characters."""
    attempt: int = 1
    phase: str = ""
    """Pending, Running, Succeeded, Failed, Error; empty while its controller has not seen it."""
    message: str = ""
    trigger: str | None = None
    """The trigger's record, when a trigger started it."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    """Verb → its output parameter `outcome`."""
    broken: frozenset[str] = frozenset()
    """The verbs whose step failed."""

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.phase in {"Succeeded", "Failed", "Error"}

    @property
    def failed(self) -> bool:
        """Whether it ended without having done its work."""
        return self.phase in {"Failed", "Error"}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A Workflow that should be: its name is the lock."""

    name: str
    template: str
    """The WorkflowTemplate."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """An object that is not what it should be; it harms only its own service."""

    namespace: str
    name: str
    reason: str
