"""What was asked before: adopted, reworded, superseded, or turned down by a person."""

from collections.abc import Sequence

from headgate.names import short
from headgate.propose.actions import Action, Close, Comment, Nothing, Open, Situation, Update
from headgate.propose.body import read_mark
from headgate.records import codec
from headgate.records.change import Proposal, PullRequest, branch_parts
from headgate.records.judgement import Verdict

SUPERSEDED = "Superseded by"
"""How the comment on a pull request that Headgate closes begins; any other closing is a person's no."""


def asked(verdict: Verdict, situation: Situation, proposal: Proposal) -> tuple[Action, ...]:
    """Return the proposal's actions, given what was asked before."""
    mine = attempts(verdict, situation)
    open_now = [pull for pull in situation.of("promote", verdict.service) if pull.state == "open"]
    newer = next((pull for pull in open_now if pull not in mine and is_newer(pull, verdict)), None)
    if newer is not None:
        return (Nothing(reason=f"a newer candidate is open as pull request #{newer.number}"),)
    kept = next((pull for pull in open_now if pull in mine and same_argument(pull, proposal)), None)
    others = tuple(pull for pull in open_now if pull is not kept)
    if kept is not None:
        return (reworded(kept, proposal), *superseded(others, kept.branch))
    no = next((refusal for pull in mine if (refusal := turned_down(pull, verdict, proposal))), None)
    return (no,) if no else (Open(proposal=proposal), *superseded(others, proposal.branch))


def attempts(verdict: Verdict, situation: Situation) -> list[PullRequest]:
    """Return the pull requests that asked for this model, oldest first."""
    prefix = f"{short(verdict.model.sha256)}-"
    pulls = situation.of("promote", verdict.service)
    return [pull for pull in pulls if (branch_parts(pull.branch) or ("",))[-1].startswith(prefix)]


def next_attempt(verdict: Verdict, situation: Situation) -> int:
    """Return the number of an attempt that nobody made yet."""
    numbers = [pull.branch.rpartition("-")[2] for pull in attempts(verdict, situation)]
    return max((int(number) for number in numbers if number.isascii() and number.isdigit()), default=0) + 1


def is_newer(pull: PullRequest, verdict: Verdict) -> bool:
    """Say whether a pull request argues from later labels than the verdict."""
    found = read_mark(pull.body)
    judged = found[3] if found else None
    return judged is not None and verdict.judged_at is not None and judged > verdict.judged_at


def same_argument(pull: PullRequest, proposal: Proposal) -> bool:
    """Say whether a pull request asks for the same model, with the same settings, by the same verdict."""
    ours, theirs = read_mark(proposal.body), read_mark(pull.body)
    return ours is not None and theirs is not None and ours[:3] == theirs[:3]


def reworded(pull: PullRequest, proposal: Proposal) -> Update:
    """Return the update of an open pull request; saying the same once more changes nothing."""
    return Update(number=pull.number, title=proposal.title, body=proposal.body)


def superseded(pulls: Sequence[PullRequest], branch: str) -> tuple[Action, ...]:
    """Return the actions that close older pull requests and say why; the words first, so that a crash leaves them."""
    closing = [
        (Comment(number=pull.number, text=f"{SUPERSEDED} `{branch}`."), Close(number=pull.number)) for pull in pulls
    ]
    return tuple(action for pair in closing for action in pair)


def turned_down(pull: PullRequest, verdict: Verdict, proposal: Proposal) -> Nothing | None:
    """Return why a closed attempt stands against another one, None when it does not."""
    if pull.state != "closed":
        return None
    model, found = short(verdict.model.sha256), read_mark(pull.body)
    if any(comment.startswith(SUPERSEDED) for comment in pull.comments):
        if found is None or found[2] != codec.digest(verdict):
            return None
        return Nothing(reason=f"{model} was superseded by a newer candidate (pull request #{pull.number})")
    if found is not None and found[1] != proposal.settings:
        return None
    return Nothing(
        reason=f"{model} was turned down: pull request #{pull.number} was closed by a person",
        next_step="train another model, or change its serving settings",
    )
