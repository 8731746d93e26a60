"""Rollout x Git x now → what to do. Pure: the same facts plan the same actions, in whatever order they were heard."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from headgate.desired import failed_in
from headgate.propose import revert
from headgate.propose.actions import Nothing, Open, Update
from headgate.receive import statuses, verdicts
from headgate.receive.actions import Abort, Action, Merge, Promote, Tag
from headgate.receive.attribution import Attributed, End, attribute
from headgate.receive.page import Page
from headgate.records.change import PullRequest
from headgate.records.cluster import Examination, Rollout
from headgate.records.live import Analysis, LiveTag, Target
from headgate.specs.canary import Canary

RULE = "headgate (rule: reverts merge)"
UNANSWERED = {"Pending", "Running", "Inconclusive"}


def plan(rollout: Rollout, page: Page, now: datetime) -> tuple[Action, ...]:
    """Return what is to be done about one Rollout; nothing more once all of it is done."""
    found = attribute(rollout, page, now)
    tags = tuple(tagging(rollout, page, found))
    told = page.with_tags(*(tag.record for tag in tags))
    planned = (
        *tags,
        *reverting(told),
        *steering(rollout, told, found, now),
        *statuses.plan(rollout, told, found),
    )
    return tuple(sorted(planned, key=lambda action: isinstance(action, Merge)))  # a merge may wait for a status


def canary_of(page: Page) -> Canary:
    """Return the environment's canary plan."""
    return page.desired.serving(page.environment, page.service).canary or Canary()


def tagging(rollout: Rollout, page: Page, found: Attributed) -> Iterator[Tag]:
    """Yield the tag that what has come to its end deserves, unless it has it."""
    target = found.running
    if target is None or not found.sure:
        return
    judged = verdicts.analyses(rollout, target, canary_of(page))
    if found.end == "live" and rollout.healthy_at and not is_champion(page, target):
        yield tag_of("live", page, rollout, target, rollout.healthy_at, judged)
    if found.end == "aborted" and rollout.aborted_at and not was_aborted(page, target):
        yield tag_of("aborted", page, rollout, target, rollout.aborted_at, judged)


def is_champion(page: Page, target: Target) -> bool:
    return bool(page.live) and page.live[-1].revision == target.revision


def was_aborted(page: Page, target: Target) -> bool:
    """Say whether this canary's end is tagged: a new merge of the same revision is another canary."""
    return any(
        tag.outcome == "aborted" and (tag.commit, tag.revision) == (target.commit, target.revision) for tag in page.tags
    )


def tag_of(  # noqa: PLR0917 - which tag, where, then its fields
    outcome: End, page: Page, rollout: Rollout, target: Target, at: datetime, judged: tuple[Analysis, ...]
) -> Tag:
    """Return the next tag of its kind."""
    last = max((tag.seq for tag in page.tags if tag.outcome == outcome), default=0)
    record = LiveTag(
        outcome=outcome,
        service=page.service,
        environment=page.environment,
        seq=last + 1,
        commit=target.commit,
        revision=target.revision,
        at=at,
        analyses=judged,
        pods=rollout.current,
    )
    return Tag(record=record)


def reverting(page: Page) -> Iterator[Action]:
    """Yield what the last failed canary asks of the env repo; the tag, not the Rollout, is what is remembered."""
    failed = [tag for tag in page.tags if tag.outcome == "aborted" and failed_in(tag)]
    if not failed:
        return
    tag = max(failed, key=lambda one: one.seq)
    analysis = next(one for one in reversed(tag.analyses) if one.outcome == "fail")
    branch = f"revert/{page.environment}/{page.service}/{analysis.commit[:12]}"
    situation = page.situation()
    asked = revert.attempts(situation, page.service, branch)
    if any(pull.state != "open" and not revert.is_given_up(pull) for pull in asked):
        return
    alive = [pull for pull in asked if pull.state == "open" and not page.conflicts(pull.number)]
    seen = page.situation(without=alive[-1].branch) if alive else situation
    healthy = revert.target(situation, page.service, analysis.revision)
    before = page.before.get(healthy.commit, {}) if healthy else {}
    for action in revert.plan(analysis, seen, before, analyses=tag.analyses):
        if isinstance(action, Open) and alive:
            yield from again(action, page, alive[-1])
        elif not isinstance(action, Nothing) or (page.newest and page.newest.revision == analysis.revision):
            yield action


def again(action: Open, page: Page, pull: PullRequest) -> Iterator[Action]:
    """Yield what an open revert still needs: its words as they are now, and the merge that the rule allows."""
    wanted, number = action.proposal, pull.number
    if (pull.title.strip(), pull.body.strip()) != (wanted.title.strip(), wanted.body.strip()):
        yield Update(number=number, title=wanted.title, body=wanted.body)
    order = page.desired.environment_order(page.environment)
    if order.reverts_merge == "by_rule" and set(page.changes.get(number, ())) == set(wanted.edits):
        yield Merge(number=number, rule=RULE)


def steering(rollout: Rollout, page: Page, found: Attributed, now: datetime) -> Iterator[Action]:
    """Yield the two things the receiver may do to a Rollout."""
    if not rollout.in_canary or rollout.promoting or not rollout.settled:
        return
    if reason := proven(rollout, page, found):
        yield Promote(rollout=rollout, reason=reason)
    elif (since := held_since(rollout)) and now - since >= patience(rollout, canary_of(page)):
        yield Abort(rollout=rollout, reason=f"held since {since:%Y-%m-%d %H:%M:%S}; no ban, no revert")


def proven(rollout: Rollout, page: Page, found: Attributed) -> str | None:
    """Return why a canary needs none: these very pods were live as what main names now, and are not banned."""
    target = found.running
    if target is None or page.newest is None or page.newest.revision != target.revision:
        return None
    if page.desired.ban(page.environment, page.service, target.revision.model, target.revision.settings):
        return None
    same = [tag for tag in page.live if tag.pods == rollout.current and tag.revision == target.revision]
    return f"it was live as live/{page.environment}/{page.service}/{same[-1].seq}" if same else None


def held_since(rollout: Rollout) -> datetime | None:
    """Return since when the canary waits for an answer: the step's analysis began, or one beside all steps did."""
    waiting = [one.started_at for one in present(rollout) if one.started_at]
    return min(waiting, default=rollout.paused_at)


def present(rollout: Rollout) -> list[Examination]:
    """Return the examinations that keep the canary where it is; one beside all steps only where steps have none."""
    open_ended = [one for one in rollout.judged if one.phase in UNANSWERED]
    if any(one.step is not None for one in rollout.judged):
        return [one for one in open_ended if one.step == rollout.step]
    return open_ended


def patience(rollout: Rollout, canary: Canary) -> timedelta:
    """Return how long it may wait; an analysis beside all steps has all their pauses."""
    beside = any(one.step is None for one in present(rollout))
    return canary.deadline + (canary.pause * len(canary.steps) if beside else timedelta(0))


def alarms(actions: Iterable[Action]) -> list[str]:
    """Return why an abort has no revert that anybody could merge: a person is paged."""
    return [one.reason for one in actions if isinstance(one, Nothing) and one.next_step == revert.ALARM]
