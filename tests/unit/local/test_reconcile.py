"""The reconciler: what Argo Rollouts would do, as a state machine whose promises hold on any path."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headgate.local.reconcile import Move, after, plan, weight
from headgate.names import Commit, Digest, Name
from headgate.records import codec
from headgate.records.live import Revision, RolloutState, Target
from headgate.specs.canary import Canary

AT = datetime(2013, 7, 1, tzinfo=UTC)
PLAN = Canary()
EMPTY = RolloutState(environment=Name("prod"), service=Name("flights"))


def target(model: str, commit: int = 1, settings_: str = "0") -> Target:
    return Target(
        commit=Commit(f"{commit:040x}"),
        revision=Revision(model=Digest(model * 64), settings=Digest(settings_ * 64), chart="0.1.0/0.1.0"),
    )


A, B, C = target("a", 1), target("b", 2), target("c", 3)


def running(*, canary: Target | None = None, step: int = 0) -> RolloutState:
    state = after(EMPTY, Move("start_stable", A, ""), AT)
    if canary:
        state = after(state, Move("start_canary", canary, ""), AT)
    for _ in range(step):
        state = after(state, Move("advance", None, ""), AT)
    return state


def test_nothing_wanted_and_nothing_running_is_no_move() -> None:
    """Before the first promotion."""
    assert plan(None, EMPTY).kind == "nothing"


def test_the_first_deploy_takes_all_traffic() -> None:
    """There is nothing to compare it with."""
    assert plan(A, EMPTY) == Move("start_stable", A, "the first deploy")


def test_a_lost_state_starts_the_last_live_revision_and_then_canaries_what_main_names() -> None:
    """A ring made anew between a bad merge and its revert doesn't serve the bad model to all."""
    move = plan(B, EMPTY, live=[C, A])
    following = plan(B, after(EMPTY, move, AT), live=[C, A])

    assert (move.kind, move.target) == ("start_stable", A)
    assert (following.kind, following.target) == ("start_canary", B)


def test_a_new_revision_starts_as_canary_at_the_first_step() -> None:
    """Whatever changed: model, settings or chart."""
    for wanted in (B, target("a", 2, settings_="1")):
        state = after(running(), plan(wanted, running()), AT)

        assert (state.stable, state.canary, weight(state, PLAN)) == (A, wanted, 10)


def test_the_steps_lead_to_all_traffic() -> None:
    """10, 25, 50, then the canary is stable."""
    weights = [weight(running(canary=B, step=step), PLAN) for step in range(3)]
    promoted = after(running(canary=B, step=2), Move("promote", None, ""), AT)

    assert weights == [10, 25, 50]
    assert (promoted.stable, promoted.canary, weight(promoted, PLAN)) == (B, None, 0)


def test_a_running_canary_is_left_to_its_analyses() -> None:
    """Reconciling again changes nothing, nor does a commit that changes only the canary's plan."""
    assert plan(B, running(canary=B)).kind == "nothing"
    assert plan(target("b", 9), running(canary=B)).kind == "nothing"


def test_going_back_in_mid_canary_puts_the_weight_to_0_at_once_without_a_new_canary() -> None:
    """The same revision at a newer commit: the revert's."""
    back = target("a", 3)
    move = plan(back, running(canary=B, step=1))
    state = after(running(canary=B, step=1), move, AT)

    assert move.kind == "restore_stable"
    assert (state.stable, state.canary, weight(state, PLAN)) == (back, None, 0)
    assert plan(back, state).kind == "nothing"


def test_a_third_revision_in_mid_canary_replaces_the_canary_at_the_first_step() -> None:
    """Stable stays."""
    move = plan(C, running(canary=B, step=2))
    state = after(running(canary=B, step=2), move, AT)

    assert move.kind == "replace_canary"
    assert (state.stable, state.canary, weight(state, PLAN)) == (A, C, 10)


def test_a_revert_to_a_once_live_revision_is_fast_tracked() -> None:
    """It proved itself before; also from a running canary."""
    after_promotion = after(running(canary=B), Move("promote", None, ""), AT)
    back = target("a", 4)

    move = plan(back, after_promotion, live=[A, B])
    state = after(after_promotion, move, AT)

    assert move.kind == "fast_track"
    assert (state.stable, state.canary) == (back, None)


def test_a_revert_to_a_revision_that_never_was_live_starts_at_the_first_step() -> None:
    """A live, B never proven, C promoted, C reverted to B: B does not get all traffic."""
    promoted = after(after(running(canary=B), Move("replace_canary", C, ""), AT), Move("promote", None, ""), AT)

    move = plan(target("b", 4), promoted, live=[A, C])

    assert move.kind == "start_canary"


@pytest.mark.parametrize("kind", ["abort", "end"])
def test_an_ended_canary_is_not_tried_again_for_the_same_commit(kind: str) -> None:
    """But for the next commit that names it."""
    state = after(running(canary=B, step=1), Move(kind, None, ""), AT)

    assert weight(state, PLAN) == 0
    assert plan(B, state).kind == "nothing"
    assert plan(target("b", 8), state).kind == "start_canary"


def test_a_service_taken_from_git_is_retired() -> None:
    """Nothing runs that main doesn't name."""
    state = after(running(canary=B), plan(None, running(canary=B)), AT)

    assert (state.stable, state.canary) == (None, None)


def test_the_state_survives_as_a_record() -> None:
    """A killed ring reads what it wrote."""
    state = after(running(canary=B, step=1), Move("abort", None, ""), AT)

    assert codec.decode(codec.encode(state), RolloutState) == state


class Ring(RuleBasedStateMachine):
    """Git names anything at any time, analyses decide anything, the ring is killed anywhere."""

    live: ClassVar[list[Target]]

    @initialize()
    def begin(self) -> None:
        self.state = EMPTY
        self.at = AT
        self.commits = 0
        self.live = []
        self.wanted: Target | None = None
        self.judged: set[Revision] = set()
        self.open: set[Commit] = set()
        self.fates: dict[Commit, list[str]] = {}

    def make(self, move: Move) -> None:
        self.at += timedelta(minutes=1)
        before = self.state
        if before.canary and move.kind not in ("nothing", "advance", "adopt"):
            fate = {"promote": "live", "abort": "aborted", "end": "ended"}.get(move.kind, "withdrawn by git")
            self.fates.setdefault(before.canary.commit, []).append(fate)
        if move.kind == "promote" and before.canary:
            self.judged.add(before.canary.revision)
        if move.kind == "start_stable" and not self.live and move.target:
            self.judged.add(move.target.revision)  # the first deploy
        self.state = after(before, move, self.at)
        if self.state.canary and self.state.canary != before.canary:
            self.open.add(self.state.canary.commit)
        if self.state.stable and self.state.stable.revision != (before.stable.revision if before.stable else None):
            self.live.append(self.state.stable)

    @rule(model=st.sampled_from("abc"), settings_=st.sampled_from("01"))
    def merge(self, model: str, settings_: str) -> None:
        self.commits += 1
        self.wanted = target(model, self.commits, settings_)

    @rule()
    def reconcile(self) -> None:
        self.make(plan(self.wanted, self.state, self.live))

    @precondition(lambda self: self.state.canary is not None)
    @rule(kind=st.sampled_from(["advance", "promote", "abort", "end"]))
    def decide(self, kind: str) -> None:
        if kind == "advance" and self.state.step == len(PLAN.steps) - 1:
            kind = "promote"
        if kind == "promote" and self.state.step < len(PLAN.steps) - 1:
            kind = "advance"
        self.make(Move(kind, None, "judged"))
        if kind in ("abort", "end"):
            assert weight(self.state, PLAN) == 0

    @rule()
    def kill(self) -> None:
        self.state = codec.decode(codec.encode(self.state), RolloutState)

    @precondition(lambda self: self.live)
    @rule()
    def lose_the_state(self) -> None:
        if self.state.canary:
            self.fates.setdefault(self.state.canary.commit, []).append("lost")
        self.state = EMPTY

    @invariant()
    def all_traffic_is_judged_traffic(self) -> None:
        if hasattr(self, "state") and self.state.stable:
            assert self.state.stable.revision in self.judged

    @invariant()
    def a_canary_has_its_step_s_weight_and_none_has_none(self) -> None:
        if hasattr(self, "state"):
            expected = PLAN.steps[self.state.step] if self.state.canary else 0
            assert weight(self.state, PLAN) == expected
            assert not self.state.canary or self.state.stable

    @invariant()
    def every_canary_that_is_not_running_has_met_its_fate(self) -> None:
        if hasattr(self, "state"):
            running_now = {self.state.canary.commit} if self.state.canary else set()
            assert self.open - running_now <= set(self.fates)

    @invariant()
    def reconciling_settles(self) -> None:
        if hasattr(self, "state"):
            state = self.state
            for _ in range(3):
                state = after(state, plan(self.wanted, state, self.live), self.at)
            assert plan(self.wanted, state, self.live).kind == "nothing"


TestRing = Ring.TestCase
TestRing.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
