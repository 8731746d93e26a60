"""What did a Rollout's AnalysisRuns say? One Analysis each, in the words the local ring uses."""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Literal

from headgate.canary import OUTCOMES, QUESTIONS
from headgate.names import Name
from headgate.records.cluster import ENDED, Examination, Measured, Phase, Rollout
from headgate.records.live import Analysis, Answer, Target
from headgate.specs.canary import Canary

Outcome = Literal["pass", "fail", "inconclusive", "error"]
OUTCOME: dict[Phase, Outcome] = {
    "Successful": "pass",
    "Failed": "fail",
    "Error": "error",
    "Inconclusive": "inconclusive",
    "Pending": "inconclusive",
    "Running": "inconclusive",
}
UNANSWERED: tuple[Phase, ...] = ("Pending", "Running", "Inconclusive", "Error")
BAD, REQUESTS, STABLE = "-bad", "-requests", "-stable"
"""Suffixes of the metrics the chart measures beside a question in dry runs: counts, and stable's share."""
STABLE_REQUESTS = "stable-requests"


def analyses(rollout: Rollout, target: Target, plan: Canary) -> tuple[Analysis, ...]:
    """Return what the ended examinations of the newest revision say, oldest first."""
    ended = [one for one in rollout.judged if one.phase in ENDED]
    return tuple(analysis(one, one.started_at, rollout, target, plan) for one in ended if one.started_at)


def analysis(one: Examination, started: datetime, rollout: Rollout, target: Target, plan: Canary) -> Analysis:
    """Return one examination as the record that tags and reverts bear."""
    counts = {found.metric: number(found.value) for found in one.measured if found.dry}
    answers = tuple(answer(found, counts, plan) for found in one.measured if not found.dry)
    return Analysis(
        service=Name(rollout.service),
        environment=Name(rollout.environment),
        commit=target.commit,
        revision=target.revision,
        weight=weight(rollout, one.step, plan),
        outcome=worst(OUTCOME[one.phase], answers),
        answers=answers,
        started_at=started,
        ended_at=one.ended_at or started,
        canary_requests=max((found.requests for found in answers), default=0),
        stable_requests=int(counts.get(STABLE_REQUESTS) or 0),
    )


def worst(whole: Outcome, answers: Collection[Answer]) -> Outcome:
    """Return an examination's outcome: no better than its worst answer, and a failure only where Rollouts saw one."""
    unasked: set[Outcome] = set() if answers else {"inconclusive"}
    outcomes = {whole, *unasked, *(found.outcome for found in answers)} - ({"fail"} if whole != "fail" else set())
    return next(each for each in OUTCOMES if each in outcomes)


def outcome(found: Measured) -> Outcome:
    """Return what a question was answered with; Rollouts calls successful what it stopped asking before an answer."""
    unanswered = found.phase == "Successful" and found.last in UNANSWERED
    return OUTCOME[found.last if unanswered else found.phase]


def has_passed(one: Examination) -> bool:
    """Say whether an examination was answered with yes, each question of it."""
    asked = [found for found in one.measured if not found.dry]
    return one.phase == "Successful" and bool(asked) and all(outcome(found) == "pass" for found in asked)


def answer(found: Measured, counts: Mapping[str, float | None], plan: Canary) -> Answer:
    """Return one question's answer, with the counts that were measured beside it."""
    bad, requests = (int(counts.get(found.metric + suffix) or 0) for suffix in (BAD, REQUESTS))
    question = QUESTIONS.get(found.metric)
    limit = question.limit(plan.limits) if question else 0.0
    seen = f"{bad} of {requests} answers {question.about}, {limit:.2%} is allowed" if question and requests else ""
    return Answer(
        question=found.metric,
        outcome=outcome(found),
        bad=bad,
        requests=requests,
        share=bad / requests if requests else None,
        low=None,
        high=None,
        limit=limit,
        stable_share=counts.get(found.metric + STABLE),
        detail=seen or found.message or f"{found.metric} was judged {outcome(found)}",
    )


def number(value: str) -> float | None:
    """Return a measurement as a number: Rollouts prints a vector as `[3]`.

    >>> number("[3]"), number("0.5"), number("[]"), number("NaN")
    (3.0, 0.5, None, None)
    """
    with suppress(ValueError, TypeError, IndexError):
        found = json.loads(value)
        first = float(found[0] if isinstance(found, list) else found)
        return first if first == first else None  # noqa: PLR0124 - NaN is no number
    return None


def weight(rollout: Rollout, step: int | None, plan: Canary) -> int:
    """Return the canary's percentage at a step; beside all steps, at the one after the last that passed."""
    if step is None:
        passed = [one.step for one in rollout.judged if one.step is not None and has_passed(one)]
        begun = [one.step for one in rollout.judged if one.step is not None]
        step = max([*(after + 1 for after in passed), *begun], default=0)
    return rollout.weights[step] if step < len(rollout.weights) else rollout.weight or plan.steps[0]
