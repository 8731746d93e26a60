"""Which revision of Git a Rollout's pods belong to, how sure that is, and whether it has come to its end."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from headgate.receive.page import Page
from headgate.records.cluster import Rollout
from headgate.records.live import Target

SETTLES = timedelta(minutes=10)
"""A changed mark without a changed pod, this long after the merge, is a change that no pod sees."""

End = Literal["live", "aborted"]


class Attributed(msgspec.Struct, frozen=True, kw_only=True):
    """What a Rollout's newest pods are."""

    running: Target | None
    """None: nothing in Git's late history explains them."""
    sure: bool
    """False: for a moment the Rollout may bear the marks of what comes and the pods of what is."""
    end: End | None
    """None while it is on its way."""


def attribute(rollout: Rollout, page: Page, now: datetime) -> Attributed:
    """Return what the newest pods are: their first AnalysisRun knows, the Rollout's own marks may run ahead of them."""
    judged = [page.target(one.marks) for one in rollout.judged if one.marks.model]
    told = bool(judged) and not is_of_others(judged[0], rollout, page)
    target = judged[0] if told else page.target(rollout.marks)
    return Attributed(
        running=target,
        sure=told or (target is not None and rollout.settled and is_sure(rollout, page, target, now)),
        end=end(rollout),
    )


def is_of_others(target: Target | None, rollout: Rollout, page: Page) -> bool:
    """Say whether tags know these pods as another model's: warm pods may be judged before their template is there."""
    known = {tag.revision.model for tag in page.tags if tag.pods == rollout.current}
    return target is not None and bool(known) and target.revision.model not in known


def is_sure(rollout: Rollout, page: Page, target: Target, now: datetime) -> bool:
    """Say whether pods that no AnalysisRun judged are a target's: by a tag, by being the first, or by time."""
    known = [tag.revision for tag in page.tags if tag.pods == rollout.current]
    if target.revision in known or not page.tags:
        return True
    if known and all(revision.model != target.revision.model for revision in known):
        return False
    return now - page.since(target) >= SETTLES


def end(rollout: Rollout) -> End | None:
    """Return whether the newest pods serve all, or were aborted."""
    if rollout.aborted_at and rollout.current != rollout.stable:
        return "aborted"
    healthy = rollout.phase == "Healthy" and rollout.settled and bool(rollout.current)
    return "live" if healthy and rollout.current == rollout.stable else None
