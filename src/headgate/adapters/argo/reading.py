"""Argo's objects as JSON to our records and back; what is not as expected is said of that object alone."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from headgate.adapters.argo.objects import (
    Measurement,
    MetricResult,
    Named,
    RolloutObject,
    RolloutStatus,
    Run,
    Step,
    WorkflowObject,
)
from headgate.errors import PermanentError
from headgate.records.cluster import Examination, Measured, Order, Phase, Rollout, Unreadable, Workflow

T = TypeVar("T")
HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
WORKLOAD = "rollout.argoproj.io/workload-generation"


def readable(raw: bytes, read: Callable[[bytes], T]) -> T | Unreadable:
    """Return an object as our record, or that nobody can read it."""
    try:
        return read(raw)
    except (msgspec.DecodeError, PermanentError, ValueError) as err:
        try:
            named = msgspec.json.decode(raw, type=Named).metadata
        except msgspec.DecodeError:
            return Unreadable(namespace="", name="?", reason=str(err)[:300])
        return Unreadable(namespace=named.namespace, name=named.name, reason=str(err)[:300])


def rollout(raw: bytes) -> Rollout:
    """Return a Rollout without its AnalysisRuns."""
    found = msgspec.json.decode(raw, type=RolloutObject)
    meta, status = found.metadata, found.status
    weights = status.canary.weights
    return Rollout(
        namespace=meta.namespace,
        name=meta.name,
        service=meta.mark("service") or meta.name,
        environment=meta.mark("environment") or "",
        revision=meta.annotations.get(REVISION, ""),
        phase=status.phase,
        message=status.message,
        settled=is_settled(found),
        current=status.current_pod_hash,
        stable=status.stable_rs,
        step=status.current_step_index,
        weights=weights_of(found.spec.strategy.canary.steps),
        weight=weights.canary.weight if weights else 0,
        aborted_at=status.aborted_at,
        promoting=status.promote_full,
        paused_at=next((one.start_time for one in status.pause_conditions if "Inconclusive" in one.reason), None),
        healthy_at=became(status, "Healthy") or became(status, "Completed"),
        marks=meta.marks,
    )


def is_settled(found: RolloutObject) -> bool:
    """Say whether the controller has seen the newest spec, and the newest template of the workload it refers to."""
    meta, status = found.metadata, found.status
    workload = meta.annotations.get(WORKLOAD, status.workload_observed_generation)
    seen = status.observed_generation in {"", str(meta.generation)}
    return seen and status.workload_observed_generation in {"", workload}


def became(status: RolloutStatus, kind: str) -> datetime | None:
    return next(
        (one.last_transition_time for one in status.conditions if (one.type, one.status) == (kind, "True")), None
    )


def weights_of(steps: list[Step]) -> tuple[int, ...]:
    """Return the canary's percentage during each step.

    >>> weights_of([Step(10), Step(), Step(25)])
    (10, 10, 25)
    """
    found: list[int] = []
    for step in steps:
        found.append(step.set_weight if step.set_weight is not None else (found or [0])[-1])
    return tuple(found)


def examination(raw: bytes) -> tuple[str, Examination] | None:
    """Return the Rollout an AnalysisRun judges, and what it says; None for one that is no Rollout's."""
    found = msgspec.json.decode(raw, type=Run)
    meta, status = found.metadata, found.status
    owner = next((one.name for one in meta.owner_references if one.kind == "Rollout"), None)
    if owner is None or HASH not in meta.labels:
        return None
    step = meta.labels.get("step-index")
    return owner, Examination(
        name=meta.name,
        pods=meta.labels[HASH],
        revision=meta.annotations.get(REVISION, ""),
        step=int(step) if step else None,
        phase=msgspec.convert(status.phase or "Pending", Phase),
        message=status.message,
        measured=tuple(measured(one) for one in status.metric_results),
        started_at=status.started_at,
        ended_at=status.completed_at or (status.started_at if status.phase not in {"", "Pending", "Running"} else None),
        marks=found.marks,
    )


def measured(one: MetricResult) -> Measured:
    last = one.measurements[-1] if one.measurements else Measurement()
    return Measured(
        metric=one.name,
        phase=one.phase,
        value=last.value,
        message=one.message or last.message,
        last=last.phase,
        dry=one.dry_run,
    )


def workflow(raw: bytes) -> Workflow:
    """Return a Workflow; what a person started by hand has no key."""
    found = msgspec.json.decode(raw, type=WorkflowObject)
    meta, status = found.metadata, found.status
    told = [
        (node.display_name, one) for node in status.nodes.values() if node.outputs for one in node.outputs.parameters
    ]
    return Workflow(
        name=meta.name,
        service=meta.mark("service") or "",
        environment=meta.mark("environment") or "",
        key=meta.mark("key") or "",
        attempt=int(meta.mark("attempt") or 1),
        phase=status.phase,
        message=status.message,
        trigger=meta.mark("trigger"),
        started_at=status.started_at,
        ended_at=status.finished_at,
        broken=frozenset(node.display_name for node in status.nodes.values() if node.phase in {"Failed", "Error"}),
        outcomes={verb: one.value for verb, one in told if one.name == "outcome" and one.value},
    )


def manifest(order: Order) -> dict[str, Any]:
    """Return an order as the Workflow that refers to its template."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": order.name, "labels": dict(order.labels), "annotations": dict(order.annotations)},
        "spec": {
            "workflowTemplateRef": {"name": order.template},
            "arguments": {"parameters": [{"name": key, "value": value} for key, value in order.parameters.items()]},
        },
    }
