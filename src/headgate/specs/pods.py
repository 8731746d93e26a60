"""What one pod of a service gets, how many there are, and where they may run."""

from typing import Annotated, Literal

from msgspec import Meta

from headgate.specs.reading import Spec

Quantity = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")]

Collector = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9._-]+)*\Z")]
"""An address without user, password and query: Git is no place for a secret."""


class Resources(Spec, frozen=True, kw_only=True):
    """What one pod gets."""

    cpu: Quantity = "250m"
    """Cores it asks for; what an autoscaler's percentage is of."""
    cpu_limit: Quantity | None = None
    """Cores it may use; by default one more than `threads`, as a throttled server is a slow one."""
    memory: Quantity = "768Mi"
    """Memory it asks for, and may use."""
    gpu: Annotated[int, Meta(ge=0, le=64)] = 0
    """GPUs of one pod. A canary takes as many again, see canary.surge."""
    gpu_resource: str = "nvidia.com/gpu"
    """What the cluster calls them."""


class Autoscaling(Spec, frozen=True, kw_only=True):
    """A HorizontalPodAutoscaler on the Rollout; `replicas` is not rendered then."""

    min: Annotated[int, Meta(ge=1, le=1000)]
    """At least this many pods."""
    max: Annotated[int, Meta(ge=1, le=1000)]
    """At most this many pods."""
    cpu_percent: Annotated[int, Meta(ge=1, le=1000)]
    """Of resources.cpu, on average: more adds pods, less takes them away."""


class Toleration(Spec, frozen=True, kw_only=True, rename="camel"):
    """A taint of nodes that the pods put up with, in Kubernetes' own words."""

    key: str | None = None
    """The taint's key; none: all."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Whether the value must be equal."""
    value: str | None = None
    """The taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; none: all."""
