"""Verdict x desired state x pull requests → what to ask the forge for; the same facts plan the same actions."""

from datetime import datetime

from headgate.desired import champion, history, state_of
from headgate.errors import PermanentError
from headgate.names import short
from headgate.propose.actions import Action, Nothing, Situation
from headgate.propose.attempts import asked, next_attempt
from headgate.propose.body import unban_command
from headgate.propose.proposal import proposed, version_of
from headgate.records import codec
from headgate.records.judgement import Evaluation, Verdict
from headgate.records.live import DriftReport
from headgate.specs.canary import Canary
from headgate.specs.environment import CauseNote

AGAIN = "evaluate again"


def plan(
    verdict: Verdict,
    evaluation: Evaluation,
    situation: Situation,
    cause: CauseNote,
    *,
    canary: Canary,
    run: str | None = None,
    storage_uri: str | None = None,
    drift: DriftReport | None = None,
    at: datetime | None = None,
) -> tuple[Action, ...]:
    """Return the actions that make exactly one pull request ask for this model, or say why none should.

    `canary` is the service's own plan, `storage_uri` where the cluster finds the model (default: the model's uri),
    `at` the moment against which the soak in an earlier environment is counted.
    """
    check(verdict, evaluation)
    refusal = refused(verdict, situation, at)
    if refusal is not None:
        return (refusal,)
    version = version_of(verdict, evaluation, cause, run, storage_uri)
    attempt = next_attempt(verdict, situation)
    proposal = proposed(verdict, evaluation, situation, version, attempt=attempt, canary=canary, drift=drift)
    return asked(verdict, situation, proposal)


def check(verdict: Verdict, evaluation: Evaluation) -> None:
    if codec.digest(evaluation) != verdict.evaluation or verdict.model != evaluation.model:
        raise PermanentError(
            f"the verdict rests on evidence {short(verdict.evaluation)}, not on this evaluation",
            next_step="judge it with `headgate gate`, then propose",
        )


def refused(verdict: Verdict, situation: Situation, at: datetime | None) -> Nothing | None:
    """Return why nothing may be proposed, None when it may."""
    service, model, environment = verdict.service, verdict.model.sha256, situation.environment
    if verdict.outcome != "pass":
        return Nothing(reason=f"the verdict on {short(model)} is {verdict.outcome}")
    if retired := situation.desired.app(environment, service).retired:
        step = "take `retired` out of its app.yaml, by a pull request"
        return Nothing(reason=f"{service} is retired in {environment}: {retired.reason}", next_step=step)
    live = champion(situation.tags, environment, service)
    named = situation.desired.version(environment, service)
    if named is not None and named.model.sha256 == model:
        return Nothing(reason=f"{short(model)} is what main names for {environment}: merged already")
    if live is not None and live.revision.model == model:
        return Nothing(reason=f"{short(model)} is the champion of {environment} already")
    ban = situation.desired.ban(environment, service, model, situation.desired.settings(environment, service))
    if ban is not None:
        step = f"`{unban_command(service, environment, model)}`"
        return Nothing(reason=f"{short(model)} is banned with these settings: {ban.reason}", next_step=step)
    return stale(verdict, situation) or waiting(verdict, situation, at)


def stale(verdict: Verdict, situation: Situation) -> Nothing | None:
    """Return why the comparison no longer counts: the champion moved, or main names a model still on its way."""
    environment, service = situation.environment, verdict.service
    live = champion(situation.tags, environment, service)
    now = live.revision.model if live else None
    if verdict.champion != now:
        compared, current = (short(one) if one else "none" for one in (verdict.champion, now))
        return Nothing(reason=f"the champion moved from {compared} to {current}: {AGAIN}", next_step="`headgate run`")
    named = situation.desired.version(environment, service)
    model = named.model.sha256 if named else None
    state = state_of(model, history(situation.tags, environment, service))
    if state == "on its way":
        return Nothing(reason=f"{short(model or '')} is on main and not live yet: {AGAIN} when its canary is over")
    if state == "canary failed":
        reason = f"the canary of {short(model or '')} failed and main still names it"
        return Nothing(reason=reason, next_step="merge its revert")
    return None


def waiting(verdict: Verdict, situation: Situation, at: datetime | None) -> Nothing | None:
    """Return why the model must first be live, or soak, in an earlier environment."""
    order = situation.desired.environment_order(situation.environment)
    if order.after is None:
        return None
    model = verdict.model.sha256
    earlier = [tag for tag in history(situation.tags, order.after, verdict.service) if tag.revision.model == model]
    live = [tag for tag in earlier if tag.outcome == "live"]
    if not live:
        return Nothing(reason=f"{short(model)} was not live in {order.after} yet", next_step="promote it there first")
    if at is not None and at - live[0].at < order.soak:
        return Nothing(reason=f"{short(model)} soaks in {order.after} until {live[0].at + order.soak:%Y-%m-%d %H:%M}")
    return None
