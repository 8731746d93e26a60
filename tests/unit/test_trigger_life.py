"""Does one cause start one run, and nothing more? Over any life of signals and runs."""

import hashlib
from datetime import timedelta

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headgate.names import Digest
from headgate.records.judgement import VerdictOutcome
from headgate.records.live import Cause, Signal, Trigger
from headgate.specs.service import Retrain
from headgate.trigger import PastRun, Subject, decide
from unit.causes import DAY, START, SUBJECT, WEEK, drift


class Life(RuleBasedStateMachine):
    """Weeks pass, signals come late and twice, runs end in every way: what must hold all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.code = "c1"
        self.champion = "a" * 64
        self.signals: list[Signal] = []
        self.runs: list[PastRun] = []
        self.retrain = Retrain(windows="2 of 3", cooldown=timedelta(days=2), stop_after_refusals=3)
        self.refused = 0

    @rule(hours=st.sampled_from([1, 30, 170, 400]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(
        cause=st.sampled_from(["drift", "performance", "person", "schedule"]),
        ago=st.integers(0, 4),
        fired=st.booleans() | st.just(True),
    )
    def signal(self, cause: Cause, ago: int, fired: bool) -> None:
        number = max(1, (self.now - START) // WEEK - ago)
        self.signals.append(drift(number, fired, cause, cause))

    @rule()
    def decide(self) -> None:
        subject = Subject(
            service=SUBJECT.service, environment=SUBJECT.environment, champion=Digest(self.champion), code=self.code
        )
        decision = decide(subject, self.signals, self.runs, self.retrain, self.now)
        assert (decision.trigger is None) == (decision.decision != "start")
        if decision.trigger is None:
            return
        if decision.trigger.attempt > 1:
            self.check_attempt(decision.trigger)
            self.runs[-1] = PastRun(trigger=decision.trigger, verdict=None, ended=False, code=self.code)
            return
        self.check(decision.trigger)
        self.runs.append(PastRun(trigger=decision.trigger, verdict=None, ended=False, code=self.code))
        if decision.trigger.cause == "person":
            self.refused = 0

    def check_attempt(self, trigger: Trigger) -> None:
        last = self.runs[-1]
        assert last.failed
        assert (trigger.key, trigger.attempt) == (last.trigger.key, last.trigger.attempt + 1)
        assert trigger.attempt <= 3

    def check(self, trigger: Trigger) -> None:
        assert trigger.key not in {run.trigger.key for run in self.runs}
        assert all(run.ended or run.failed for run in self.runs)
        assert trigger.window.end <= self.now + timedelta(minutes=5)
        if trigger.cause == "person":
            return
        assert self.refused < 3
        assert all(self.now >= (run.ended_at or run.trigger.at) + self.retrain.cooldown for run in self.runs)
        assert not any(self.now - run.trigger.at < DAY for run in self.runs)

    @precondition(lambda self: self.runs and not self.runs[-1].ended and not self.runs[-1].failed)
    @rule()
    def crash(self) -> None:
        self.runs[-1] = msgspec.structs.replace(self.runs[-1], failed=True)
        if self.runs[-1].given_up and self.runs[-1].code == self.code:
            self.refused += 1

    @precondition(lambda self: self.runs and not self.runs[-1].ended and not self.runs[-1].failed)
    @rule(verdict=st.sampled_from(["pass", "fail", "inconclusive", None]), promoted=st.booleans())
    def end(self, verdict: VerdictOutcome | None, promoted: bool) -> None:
        promoted = promoted and verdict == "pass"
        self.runs[-1] = msgspec.structs.replace(
            self.runs[-1], ended=True, verdict=verdict, ended_at=self.now, promoted=promoted
        )
        if promoted:
            self.champion = hashlib.sha256(self.champion.encode()).hexdigest()
            self.signals = []
        if self.runs[-1].code == self.code:
            self.refused = 0 if promoted else self.refused + (verdict != "pass")

    @rule()
    def push_code(self) -> None:
        self.code = f"c{int(self.code[1:]) + 1}"
        self.refused = 0

    @invariant()
    def never_two_at_once(self) -> None:
        assert sum(not run.ended and not run.failed for run in self.runs) <= 1


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
