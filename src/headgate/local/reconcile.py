"""What Git wants against what runs: the next move of a rollout, and where each move leads.

The semantics are those of an Argo Rollout (docs: a rollout's life). Keep the state that a move leads to first, then
make the move: after a crash the same state asks for the same servers and weight again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from headgate.names import Commit
from headgate.records.live import Analysis, EndedCanary, Revision, RolloutState, Target
from headgate.specs.canary import Canary

Kind = Literal[
    "nothing",
    "start_stable",
    "adopt",
    "start_canary",
    "replace_canary",
    "restore_stable",
    "fast_track",
    "retire",
    "advance",
    "promote",
    "abort",
    "end",
]


@dataclass(frozen=True, slots=True)
class Move:
    """One move and why it is made.

    start_stable: all traffic at once. adopt: stable is the same revision at a newer commit, no server changes.
    start_canary: at the first step. replace_canary: the running one is withdrawn, another starts at the first step.
    restore_stable: weight 0 at once, the canary is withdrawn. fast_track: a once-live revision takes all traffic.
    retire: nothing runs any more. advance, promote, abort, end: what an analysis decided (canary.next_move).
    """

    kind: Kind
    target: Target | None
    reason: str


def plan(
    wanted: Target | None,
    state: RolloutState,
    live: Sequence[Target] = (),
    *,
    banned: bool = False,
    unbroken: Collection[Commit] = (),
) -> Move:
    """Return the move that brings what runs nearer to what main names; `live` are the live tags, oldest first.

    `wanted.commit` must be the last commit that changed the service's folder, not main's head: a canary that ended
    without guilt is tried again for a new commit. One that was aborted is tried again only when main named something
    else meanwhile: `unbroken` are the commits up to `wanted.commit` that name its revision without a pause. `banned`
    says that main bans the pair of model and settings: it does not start.
    """
    proven = {target.revision for target in live}
    if wanted is None:
        return Move("retire", None, "main names no version") if state.stable else nothing("main names no version")
    if state.stable is None:
        return first(wanted, live, proven, banned=banned)
    if wanted.revision == state.stable.revision:
        return back_on(state.stable, wanted, state)
    if state.canary and wanted.revision == state.canary.revision:
        return nothing("its canary is under way")
    if banned:
        return nothing("main bans the model with these settings; `headgate unban` lifts that")
    if past := next((each for each in state.ended if holds(each, wanted, unbroken)), None):
        return nothing(f"its canary was {past.outcome}; it waits for another commit")
    if wanted.revision in proven:
        return Move("fast_track", wanted, "it was live before")
    if state.canary:
        return Move("replace_canary", wanted, "main names another revision than the canary's")
    return Move("start_canary", wanted, "main names a new revision")


def nothing(reason: str) -> Move:
    return Move("nothing", None, reason)


def holds(past: EndedCanary, wanted: Target, unbroken: Collection[Commit]) -> bool:
    """Say whether an ended canary keeps what main names from starting."""
    if past.outcome == "ended":
        return past.target == wanted
    return past.target.revision == wanted.revision and past.target.commit in {*unbroken, wanted.commit}


def first(wanted: Target, live: Sequence[Target], proven: set[Revision], *, banned: bool) -> Move:
    """Return the first move: only the very first deploy, or one that was live, starts with all traffic."""
    if not live:
        return nothing("main names what it bans") if banned else Move("start_stable", wanted, "the first deploy")
    if wanted.revision in proven and not banned:
        return Move("start_stable", wanted, "it was live before")
    return Move("start_stable", live[-1], "the last live revision; what main names was never proven")


def back_on(stable: Target, wanted: Target, state: RolloutState) -> Move:
    """Return the move when main names the stable revision."""
    if state.canary:
        return Move("restore_stable", wanted, "main names the stable revision again")
    if wanted.commit != stable.commit:
        return Move("adopt", wanted, "the same revision at a newer commit")
    return nothing("main names what runs")


def after(state: RolloutState, move: Move, at: datetime, analysis: Analysis | None = None) -> RolloutState:
    """Return the state a move leads to; `analysis` is the one that decided advance, promote, abort or end."""
    match move.kind:
        case "nothing":
            return state
        case "advance":
            passed = (*state.analyses, *([analysis] if analysis else []))
            return replace(state, step=state.step + 1, step_started_at=at, tallies=(), analyses=passed)
        case "start_canary" | "replace_canary":
            return replace(alone(state, state.stable), canary=move.target, step_started_at=at)
        case "abort" | "end":
            return over(state, move.kind, at)
        case "promote":
            return replace(alone(state, state.canary), ended=())
        case "fast_track" | "start_stable":
            return replace(alone(state, move.target), ended=())
        case "adopt" | "restore_stable":
            return alone(state, move.target)
        case "retire":
            return replace(alone(state, None), ended=())


def alone(state: RolloutState, stable: Target | None) -> RolloutState:
    """Return the state with `stable` and no canary."""
    return replace(state, stable=stable, canary=None, step=0, step_started_at=None, tallies=(), analyses=())


def over(state: RolloutState, kind: Literal["abort", "end"], at: datetime) -> RolloutState:
    """Return the state after a canary failed or was held too long: it is not tried again for the same commit."""
    if state.canary is None:
        return state
    outcome: Literal["aborted", "ended"] = "aborted" if kind == "abort" else "ended"
    past = EndedCanary(target=state.canary, outcome=outcome, at=at)
    return replace(alone(state, state.stable), ended=(*state.ended, past))


def weight(state: RolloutState, canary: Canary) -> int:
    """Return the canary's percentage of traffic in a state; a plan that lost steps meanwhile ends at its last."""
    if state.canary is None:
        return 0
    return canary.steps[min(state.step, len(canary.steps) - 1)]
