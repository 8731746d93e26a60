"""The way back: a failed canary, or a person's undo, as an edit that restores what last reached Healthy."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from headgate.desired import Desired, file_path, history
from headgate.errors import PermanentError
from headgate.names import Name, short
from headgate.propose import body, proof
from headgate.propose.actions import Action, Close, Comment, Nothing, Open, Situation
from headgate.propose.attempts import reworded
from headgate.records.change import Edit, Proposal, PullRequest
from headgate.records.live import Analysis, LiveTag, Revision
from headgate.specs.environment import Ban
from headgate.specs.writing import render_bans

STALE = "Stale"
"""How the comment begins on a revert that Headgate closes, as main has moved on from under it."""
ALARM = "page the owner: a person must decide"


def plan(
    analysis: Analysis,
    situation: Situation,
    before: Mapping[str, str],
    *,
    analyses: Sequence[Analysis] = (),
    spoiled: int | None = None,
) -> tuple[Action, ...]:
    """Return the actions that make exactly one pull request undo a failed canary, or say why none should.

    `before` holds the service's files at `target(…)`'s commit, by path; `analyses` the canary's other judgements,
    `spoiled` how many requests broke a limit where that is known better than from them.
    """
    service, failed = analysis.service, analysis.revision
    if analysis.outcome != "fail":
        return (Nothing(reason=f"the analysis is {analysis.outcome}: only a failed one opens a revert"),)
    if undoes(analysis, situation):
        return (Nothing(reason=f"{analysis.commit[:12]} is a revert itself; no revert of a revert", next_step=ALARM),)
    healthy = target(situation, service, failed)
    restored = restoring(situation, service, failed, healthy, before)
    banned = banning(analysis, situation, healthy)
    if not restored and not banned:
        over = Nothing(reason=f"main no longer names what failed in {analysis.commit[:12]}")
        return (*given_up(stale(situation, service, analysis.commit), "nothing is left to undo"), over)
    text = body.revert(
        analysis,
        situation,
        healthy,
        analyses=(*(one for one in analyses if one != analysis), analysis),
        restored=[edit.path for edit in restored],
        banned=bool(banned),
        spoiled=spoiled,
    )
    title = body.revert_title(analysis, healthy, restored=bool(restored))
    return asked(situation, proposal_of(situation, service, analysis.commit, title, text, (*restored, *banned), failed))


def target(situation: Situation, service: Name, failed: Revision) -> LiveTag | None:
    """Return the last tag that says another revision than the failed one reached Healthy."""
    past = history(situation.tags, situation.environment, service)
    live = [tag for tag in past if tag.outcome == "live" and tag.revision != failed]
    return max(live, key=lambda tag: tag.seq, default=None)


def undoes(analysis: Analysis, situation: Situation) -> bool:
    """Say whether what failed was put there by a revert of ours."""
    merged = [
        pull
        for purpose in ("revert", "promote", "settings")
        for pull in situation.of(purpose, analysis.service)
        if pull.state == "merged"
    ]
    reverts = [pull for pull in merged if pull.branch.startswith("revert/")]
    if any(analysis.commit in {pull.head, pull.merge_commit} for pull in reverts):
        return True
    last = max(merged, key=lambda pull: (pull.closed_at or pull.opened_at, pull.number), default=None)
    was_live = any(
        tag.outcome == "live" and tag.revision == analysis.revision
        for tag in history(situation.tags, analysis.environment, analysis.service)
    )
    return last in reverts and was_live


def restoring(
    situation: Situation, service: Name, failed: Revision, healthy: LiveTag | None, before: Mapping[str, str]
) -> tuple[Edit, ...]:
    """Return the edits that put back what the failed revision changed; none when main has moved on from it."""
    if situation.desired.revision(situation.environment, service) != failed:
        return ()
    then = healthy.revision if healthy else None
    paths = {
        file_path(situation.environment, service, "version.yaml"): then is None or failed.model != then.model,
        file_path(situation.environment, service, "serving.yaml"): then is not None
        and failed.settings != then.settings,
        file_path(situation.environment, service, "app.yaml"): then is not None and failed.chart != then.chart,
    }
    kept = Desired(texts=before).version(situation.environment, service)
    if healthy is not None and (kept is None or kept.model.sha256 != healthy.revision.model):
        raise PermanentError(
            f"the files given do not name {short(healthy.revision.model)}, live at {healthy.commit[:12]}",
            next_step="fetch the env repo with its whole history",
        )
    return tuple(
        Edit(path=path, text=before.get(path) if healthy else None) for path, changed in paths.items() if changed
    )


def banning(analysis: Analysis, situation: Situation, healthy: LiveTag | None) -> tuple[Edit, ...]:
    """Return the edit that bans the pair; none when it is banned, or when the chart alone was to blame."""
    failed, environment, service = analysis.revision, situation.environment, analysis.service
    known = situation.desired.bans(environment, service)
    pair = (failed.model, failed.settings)
    healthy_pair = (healthy.revision.model, healthy.revision.settings) if healthy else None
    if pair == healthy_pair or any((ban.model, ban.settings) == pair for ban in known):
        return ()
    ban = Ban(
        model=failed.model,
        settings=failed.settings,
        commit=analysis.commit,
        reason=proof.sentence(analysis),
        at=analysis.ended_at,
    )
    return (Edit(path=file_path(environment, service, "bans.yaml"), text=render_bans((*known, ban))),)


def undo(situation: Situation, service: Name, before: Mapping[str, str], reason: str) -> tuple[Action, ...]:
    """Return the actions of a person's undo: back to the last other revision that was live; nothing is banned."""
    now = situation.desired.revision(situation.environment, service)
    healthy = target(situation, service, now) if now else None
    if now is None or healthy is None:
        return (Nothing(reason=f"nothing else was live in {situation.environment} to go back to"),)
    waiting = [pull for pull in situation.of("revert", service) if pull.state == "open"]
    dead = left_behind(situation, waiting)
    if len(waiting) > len(dead):
        waiting = [pull for pull in waiting if pull not in dead]
        return (Nothing(reason=f"a revert is open as pull request #{waiting[-1].number}", next_step="merge it"),)
    restored = restoring(situation, service, now, healthy, before)
    text = body.undo(situation, service, now, healthy, reason=reason, restored=[edit.path for edit in restored])
    title = f"{service} → {situation.environment}: UNDO to {short(healthy.revision.model)}"
    commit = situation.desired.commit or ""
    anew = asked(situation, proposal_of(situation, service, commit, title, text, restored, now))
    return (*given_up(dead, "asked for anew"), *anew)


def proposal_of(  # noqa: PLR0917 - the columns of a proposal, in their order
    situation: Situation,
    service: Name,
    commit: str,
    title: str,
    text: str,
    edits: tuple[Edit, ...],
    failed: Revision,
) -> Proposal:
    if situation.desired.commit is None:
        raise PermanentError("desired state was read without its commit", next_step="read main, then propose")
    return Proposal(
        purpose="revert",
        service=service,
        environment=situation.environment,
        base=situation.desired.commit,
        branch=f"revert/{situation.environment}/{service}/{commit[:12]}",
        title=title,
        body=text,
        edits=edits,
        model=failed.model,
        settings=failed.settings,
    )


def asked(situation: Situation, proposal: Proposal) -> tuple[Action, ...]:
    """Return what to do, given what was asked for the same commit before: one that main left behind is asked anew."""
    same = attempts(situation, proposal.service, proposal.branch)
    dead = left_behind(situation, same)
    if same and not dead and not is_given_up(same[-1]):
        return (answered(same[-1], proposal),)
    branch = f"{proposal.branch}-{len(same) + 1}" if same else proposal.branch
    return (*given_up(dead, f"asked for anew as `{branch}`"), Open(proposal=replace(proposal, branch=branch)))


def attempts(situation: Situation, service: str, branch: str) -> list[PullRequest]:
    """Return the pull requests that undo the same commit, oldest first."""
    pulls = situation.of("revert", service)
    return [pull for pull in pulls if pull.branch == branch or pull.branch.startswith(f"{branch}-")]


def stale(situation: Situation, service: str, commit: str) -> list[PullRequest]:
    """Return the open pull requests that undo a commit, and can no longer be merged."""
    branch = f"revert/{situation.environment}/{service}/{commit[:12]}"
    return left_behind(situation, attempts(situation, service, branch))


def left_behind(situation: Situation, pulls: Sequence[PullRequest]) -> list[PullRequest]:
    return [pull for pull in pulls if pull.state == "open" and pull.number in situation.conflicting]


def given_up(pulls: Sequence[PullRequest], why: str) -> tuple[Action, ...]:
    """Return the actions that close what can no longer be merged; the words first, so that a crash leaves them."""
    text = f"{STALE}: main changed what this changes, so it can no longer be merged; {why}."
    return tuple(
        action for pull in pulls for action in (Comment(number=pull.number, text=text), Close(number=pull.number))
    )


def is_given_up(pull: PullRequest) -> bool:
    """Say whether Headgate closed a pull request for another one, which no person meant by it."""
    return pull.state == "closed" and any(comment.startswith(STALE) for comment in pull.comments)


def answered(pull: PullRequest, proposal: Proposal) -> Action:
    if pull.state != "open":
        return Nothing(reason=f"pull request #{pull.number} for this commit is {pull.state}")
    return reworded(pull, proposal)
