"""Triggers and Workflows → what became of each run, and which Workflow should be. Names are the locks."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from headgate.errors import PermanentError
from headgate.records.cluster import MARKS, PART_OF, Order, Workflow
from headgate.records.codec import decode, encode
from headgate.records.judgement import VerdictOutcome
from headgate.records.live import Trigger
from headgate.specs.receiver import Receiver, Trained
from headgate.specs.service import Service
from headgate.trigger import ONE_IS_ENOUGH, PastRun

KEPT = timedelta(days=25)
"""The template keeps ended Workflows thirty days: a trigger without one, so long after it was due, has had its run."""
VERDICTS: dict[str, VerdictOutcome] = {"pass": "pass", "fail": "fail", "inconclusive": "inconclusive"}


def past(
    triggers: Iterable[Trigger], workflows: Iterable[Workflow], promoted: Collection[str], spec: Service, now: datetime
) -> list[PastRun]:
    """Return what became of every trigger: those kept, and those that Workflows bear; oldest first."""
    known = {one.key: one for one in triggers}
    by_key: dict[str, Workflow] = {}
    for one in sorted(workflows, key=lambda one: one.attempt):
        if one.trigger and (made := trigger_in(one)):
            known.setdefault(made.key, replace(made, attempt=1))
            by_key[made.key] = one
    runs = [past_run(made, by_key.get(made.key), promoted, spec, now) for made in known.values()]
    return sorted(runs, key=lambda run: (run.trigger.at, run.trigger.key))


def trigger_in(workflow: Workflow) -> Trigger | None:
    """Return the trigger a Workflow bears; None when nobody can read it."""
    try:
        return decode((workflow.trigger or "").encode(), Trigger, workflow.name)
    except PermanentError:
        return None


def past_run(
    made: Trigger, workflow: Workflow | None, promoted: Collection[str], spec: Service, now: datetime
) -> PastRun:
    """Return how a trigger's last attempt ended; without a Workflow it waits for its time."""
    if workflow is None:
        could_start = max(made.at, due(made, spec))
        return PastRun(trigger=made, verdict=None, ended=now >= could_start + KEPT, code=made.code)
    verdict = VERDICTS.get(workflow.outcomes.get("gate", ""))
    answered = workflow.phase == "Succeeded" or (workflow.failed and verdict not in {None, "pass"})
    return PastRun(
        trigger=replace(made, attempt=workflow.attempt),
        verdict=verdict,
        ended=answered,
        failed=workflow.failed and not answered,
        ended_at=workflow.ended_at,
        promoted=made.key in promoted,
        code=made.code,
    )


def due(made: Trigger, spec: Service) -> datetime:
    """Return when a trigger's run may start: a measured one's gate rows, after its window, have all matured."""
    return made.window.end + spec.split.gate + spec.data.label.matures_after if is_measured(made, spec) else made.at


def is_measured(made: Trigger, spec: Service) -> bool:
    """Say whether a trigger rests on a window of event time, after which its candidate is judged."""
    return made.cause not in ONE_IS_ENOUGH and spec.data.time is not None


def next_due(runs: Sequence[PastRun], workflows: Collection[str], spec: Service, now: datetime) -> Trigger | None:
    """Return the trigger whose run should start now: the oldest that waits, when nothing runs."""
    waiting = [run.trigger for run in runs if not run.ended and not run.failed]
    if not waiting or any(name_of(one) in workflows for one in waiting):
        return None
    return waiting[0] if now >= due(waiting[0], spec) else None


def name_of(trigger: Trigger) -> str:
    """Return the Workflow's name, which is the lock: one a trigger and attempt."""
    again = f"-{trigger.attempt}" if trigger.attempt > 1 else ""
    return f"ct-{trigger.service}-{trigger.key}{again}"


def order(trigger: Trigger, trained: Trained, settings: Receiver, spec: Service) -> Order:
    """Return the Workflow that answers a trigger, of the code that was there when it was decided."""
    measured = is_measured(trigger, spec)
    parameters = {
        **common(trigger.service, trigger.environment, trigger.code or trained.branch, trained),
        "as-of": due(trigger, spec).isoformat() if measured else "",
        "gate-from": trigger.window.end.isoformat() if measured else "",
        "trigger": encode(trigger).decode(),
    }
    marks = {"service": trigger.service, "environment": trigger.environment, "key": trigger.key}
    return Order(
        name=name_of(trigger),
        template=settings.template,
        labels=labels(marks | {"attempt": str(trigger.attempt)}),
        annotations={f"{MARKS}trigger": encode(trigger).decode()},
        parameters=parameters,
    )


def common(service: str, environment: str, revision: str, trained: Trained) -> dict[str, str]:
    """Return the parameters of every graph."""
    given = {
        "service": service,
        "repo": trained.clone,
        "revision": revision,
        "path": trained.folder,
        "image": trained.image.replace("{commit}", revision),
        "environment": environment,
    }
    return given | ({"memory": trained.memory} if trained.memory else {})


def labels(marks: dict[str, str]) -> dict[str, str]:
    key, value = PART_OF.split("=")
    return {key: value} | {f"{MARKS}{mark}": text for mark, text in marks.items()}
