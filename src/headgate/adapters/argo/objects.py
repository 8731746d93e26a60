"""The parts of Argo's objects that we read; whatever else they hold is theirs."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from headgate.records.cluster import MARKS, Marks, Phase


class ListPage(Struct):
    """One page of a list."""

    items: list[msgspec.Raw] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


class Owner(Struct):
    """Whose an object is."""

    kind: str = ""
    name: str = ""


class Metadata(Struct, rename="camel"):
    """What every object bears."""

    name: str
    namespace: str = ""
    generation: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    owner_references: list[Owner] = field(default_factory=list)

    def mark(self, key: str) -> str | None:
        """Return what a label or annotation of ours says."""
        return self.annotations.get(MARKS + key) or self.labels.get(MARKS + key)

    @property
    def marks(self) -> Marks:
        return Marks(model=self.mark("model"), serving=self.mark("serving"), chart=self.mark("chart"))


class Named(Struct):
    """As much of an object as its name."""

    metadata: Metadata


class Measurement(Struct):
    phase: Phase = "Pending"
    value: str = ""
    message: str = ""


class MetricResult(Struct, rename="camel"):
    name: str
    phase: Phase
    message: str = ""
    dry_run: bool = False
    measurements: list[Measurement] = field(default_factory=list)


class RunStatus(Struct, rename="camel"):
    phase: str = ""
    message: str = ""
    metric_results: list[MetricResult] = field(default_factory=list)
    started_at: datetime | None = None
    completed_at: datetime | None = None


class Argument(Struct):
    name: str
    value: str | None = None


class RunSpec(Struct):
    args: list[Argument] = field(default_factory=list)


class Run(Struct):
    metadata: Metadata
    spec: RunSpec = field(default_factory=RunSpec)
    status: RunStatus = field(default_factory=RunStatus)

    @property
    def marks(self) -> Marks:
        """What it judges, by its arguments: they come from the template, so that the Rollout need not change."""
        said = {one.name: one.value for one in self.spec.args}
        own = self.metadata.marks
        return Marks(
            model=own.model or said.get("model"),
            serving=own.serving or said.get("serving"),
            chart=own.chart or said.get("chart"),
        )


class Step(Struct, rename="camel"):
    set_weight: int | None = None


class CanarySpec(Struct):
    steps: list[Step] = field(default_factory=list)


class Strategy(Struct):
    canary: CanarySpec = field(default_factory=CanarySpec)


class RolloutSpec(Struct):
    strategy: Strategy = field(default_factory=Strategy)


class Pause(Struct, rename="camel"):
    reason: str
    start_time: datetime


class Condition(Struct, rename="camel"):
    type: str
    status: str
    last_transition_time: datetime | None = None


class Weight(Struct):
    weight: int = 0


class Weights(Struct):
    canary: Weight = field(default_factory=Weight)


class CanaryStatus(Struct):
    weights: Weights | None = None


class RolloutStatus(Struct, rename="camel"):
    phase: str = ""
    message: str = ""
    aborted_at: datetime | None = None
    current_pod_hash: str = ""
    current_step_index: int | None = None
    stable_rs: str = field(default="", name="stableRS")
    observed_generation: str = ""
    workload_observed_generation: str = ""
    promote_full: bool = False
    pause_conditions: list[Pause] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    canary: CanaryStatus = field(default_factory=CanaryStatus)


class RolloutObject(Struct):
    metadata: Metadata
    spec: RolloutSpec = field(default_factory=RolloutSpec)
    status: RolloutStatus = field(default_factory=RolloutStatus)


class NodeOutput(Struct):
    name: str
    value: str | None = None


class Outputs(Struct):
    parameters: list[NodeOutput] = field(default_factory=list)


class Node(Struct, rename="camel"):
    display_name: str = ""
    phase: str = ""
    outputs: Outputs | None = None

    @property
    def told(self) -> list[NodeOutput]:
        return self.outputs.parameters if self.outputs else []


class WorkflowStatus(Struct, rename="camel"):
    phase: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    nodes: dict[str, Node] = field(default_factory=dict)


class WorkflowObject(Struct):
    metadata: Metadata
    status: WorkflowStatus = field(default_factory=WorkflowStatus)
