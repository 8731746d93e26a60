"""Is the canary as good as it must be? Counts become answers, answers a judgement, a judgement the next move.

Every question is a share: of a track's answers since the step began, how many were bad. The bounds hold at every look
(stats.sequential), so a canary may be judged after each answer without being aborted by chance more often than ALPHA.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import lgamma
from typing import Literal

from msgspec.structs import replace

from headgate.errors import PermanentError
from headgate.measures import BUCKETS_SECONDS, SHARES, Series, Share
from headgate.names import Name, did_you_mean
from headgate.ports import Count
from headgate.records.live import Analysis, Answer, Target
from headgate.specs.canary import Canary, Limits
from headgate.stats.sequential import PRIOR_BAD, PRIOR_GOOD, bernoulli_bounds

ALPHA = 0.05
"""How often, at most, a canary that just keeps every limit is aborted, over all its steps, questions and looks."""
SLOW_SHARE = 0.01
"""p99: one answer in a hundred may be slower than `limits.p99_ms`."""

Decision = Literal["hold", "advance", "promote", "abort", "end"]
OUTCOMES: tuple[Literal["fail", "error", "inconclusive", "pass"], ...] = ("fail", "error", "inconclusive", "pass")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a canary: a share of its answers, and the limit that the share must keep."""

    name: str
    about: str
    """A bad answer, in words: completes "3 of 200 answers …"."""
    share: Share
    limit: Callable[[Limits], float]
    """The largest share allowed."""
    threshold: Callable[[Limits], float]
    """The number in `limits` that says what a bad answer is; what Metrics.ask is given."""


QUESTIONS: dict[str, Question] = {
    "errors": Question(
        name="errors",
        about="had a 5xx code",
        share=SHARES["errors"],
        limit=lambda limits: limits.errors,
        threshold=lambda limits: limits.errors,
    ),
    "p99": Question(
        name="p99",
        about="were slower than the limit",
        share=SHARES["p99"],
        limit=lambda _: SLOW_SHARE,
        threshold=lambda limits: limits.p99_ms,
    ),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What the metrics say about one question: cumulative counts since the step began, None where there are none."""

    canary: Count | None
    stable: Count | None = None
    error: str | None = None
    """Why the metrics could not be asked; then the counts mean nothing."""


def asked(plan: Canary) -> list[Question]:
    """Return the plan's questions; PermanentError for an unknown one or a p99 limit that no bucket can count."""
    for name in plan.questions:
        if name not in QUESTIONS:
            raise PermanentError(
                f"canary.questions names {name!r}.{did_you_mean(name, QUESTIONS)}",
                found=f"known: {', '.join(QUESTIONS)}",
            )
    if "p99" in plan.questions and plan.limits.p99_ms / 1000 not in BUCKETS_SECONDS:
        bounds = ", ".join(f"{bound * 1000:g}" for bound in BUCKETS_SECONDS)
        raise PermanentError(
            f"canary.limits.p99_ms is {plan.limits.p99_ms:g}, which no bucket of the server's histogram ends at",
            next_step=f"choose one of {bounds}",
        )
    return [QUESTIONS[name] for name in plan.questions]


def level(plan: Canary) -> float:
    """Return the part of ALPHA that one question may spend in one step, however often it is looked at."""
    return ALPHA / max(1, len(plan.steps) * len(plan.questions))


def answer(question: Question, sample: Sample, plan: Canary) -> Answer:
    """Answer one question.

    fail: the share is over its limit beyond doubt. pass: enough answers, and the share seen keeps the limit.
    inconclusive: too few answers, or a share over the limit that chance explains. error: the metrics cannot be asked.
    """
    limit, counted = question.limit(plan.limits), sample.canary
    if sample.error is not None:
        return unanswered(question, limit, "error", sample.error)
    if counted is None or counted.requests == 0:
        return unanswered(question, limit, "inconclusive", "no answer of the canary was counted yet")
    low, high = bernoulli_bounds(counted.bad, counted.requests, level(plan))
    share = counted.bad / counted.requests
    outcome: Literal["pass", "fail", "inconclusive"] = "inconclusive"
    detail = f"{counted.bad} of {counted.requests} answers {question.about}"
    if low > limit:
        outcome = "fail"
        detail += f": at least {low:.2%}, {limit:.2%} is allowed"
    elif counted.requests < plan.min_requests:
        detail += f"; {plan.min_requests} answers are needed"
    elif share > limit:
        detail += f": over {limit:.2%}, which chance may explain"
    else:
        outcome = "pass"
    return Answer(
        question=question.name,
        outcome=outcome,
        bad=counted.bad,
        requests=counted.requests,
        share=share,
        low=low,
        high=high,
        limit=limit,
        stable_share=share_of(sample.stable),
        detail=detail,
    )


def unanswered(question: Question, limit: float, outcome: Literal["inconclusive", "error"], detail: str) -> Answer:
    """Return the answer to a question about which nothing was counted."""
    name = question.name
    return Answer(
        question=name, outcome=outcome, bad=0, requests=0, share=None, low=None, high=None, limit=limit, detail=detail
    )


def share_of(count: Count | None) -> float | None:
    """Return the share of bad answers, None when there are none at all."""
    return count.bad / count.requests if count and count.requests else None


def judge(
    plan: Canary,
    samples: Mapping[str, Sample],
    *,
    environment: Name,
    service: Name,
    target: Target,
    weight: int,
    started_at: datetime,
    now: datetime,
) -> Analysis:
    """Judge a canary at one weight by its questions' samples; the worst answer is the outcome."""
    answers = tuple(answer(question, samples.get(question.name, Sample(None)), plan) for question in asked(plan))
    outcomes = {each.outcome for each in answers}
    return Analysis(
        service=service,
        environment=environment,
        commit=target.commit,
        revision=target.revision,
        weight=weight,
        outcome=next((outcome for outcome in OUTCOMES if outcome in outcomes), "inconclusive"),
        answers=answers,
        started_at=started_at,
        ended_at=now,
        canary_requests=most(sample.canary for sample in samples.values()),
        stable_requests=most(sample.stable for sample in samples.values()),
    )


def most(counts: Iterable[Count | None]) -> int:
    """Return the largest number of requests counted."""
    return max((count.requests for count in counts if count), default=0)


def next_move(analysis: Analysis, plan: Canary, step: int) -> Decision:
    """Return what a rollout does after an analysis of its step, counted from 0.

    Only a failed analysis aborts. A passed one moves on when the step's pause and its requests are over. Anything else
    holds, and at the deadline ends the canary without guilt: no ban, no revert.
    """
    waited = analysis.ended_at - analysis.started_at
    if analysis.outcome == "fail":
        return "abort"
    answered = analysis.canary_requests + analysis.stable_requests
    if analysis.outcome == "pass" and waited >= plan.pause and answered >= plan.step_requests:
        return "advance" if step + 1 < len(plan.steps) else "promote"
    return "end" if waited >= max(plan.deadline, plan.pause + timedelta(seconds=1)) else "hold"


@dataclass(frozen=True, slots=True)
class Query:
    """A question in PromQL: two cumulative counts of one revision's pods."""

    requests: str
    bad: str


def promql(question: Question, *, service: str, namespace: str, pod_hash: str, bound: str) -> Query:
    """Return a question as PromQL; the arguments are values or a chart's placeholders, `bound` is in seconds.

    The namespace belongs to it: the same model in two environments has the same pod hash.
    """
    pods = f'service="{service}",namespace="{namespace}",rollouts_pod_template_hash="{pod_hash}"'
    requests = summed(question.share.total, pods, bound)
    if question.share.good:
        return Query(requests, f"({requests} - {summed(question.share.good, pods, bound)})")
    return Query(requests, f"({summed(question.share.bad or question.share.total, pods, bound)} or 0 * {requests})")


def summed(series: Series, pods: str, bound: str) -> str:
    """Return the sum of a series' counters over the pods."""
    exact = series.pattern == "{bound}"
    chosen = f',{series.label}{"=" if exact else "=~"}"{bound if exact else series.pattern}"' if series.label else ""
    return f"sum({series.metric}{{{pods}{chosen}}})"


def promql_judgement(*, bad: str, requests: str, limit: str, alpha: str, min_requests: str) -> str:
    """Return `answer` as PromQL over two counts: 1 fails, -1 passes, 0 and no data are inconclusive."""
    good = f"({requests} - {bad})"
    mixture = f"{gamma(bad, PRIOR_BAD)} + {gamma(good, PRIOR_GOOD)} - {gamma(requests, PRIOR_BAD + PRIOR_GOOD)}"
    norm = lgamma(PRIOR_BAD + PRIOR_GOOD) - lgamma(PRIOR_BAD) - lgamma(PRIOR_GOOD)
    evidence = f"{mixture} + {norm:.9f} - {bad} * {ln(limit)} - {good} * {ln(f'1 - {limit}')}"
    fails = f"({evidence} >= bool {ln(f'1 / {alpha}')}) * ({bad} > bool {limit} * {requests})"
    return f"{fails} - ({bad} <= bool {limit} * {requests}) * ({requests} >= bool {min_requests})"


def ln(number: str) -> str:
    """Return a number's logarithm: PromQL has it of vectors only."""
    return f"ln(vector({number}))"


def gamma(count: str, prior: float) -> str:
    """Return ln Gamma(count + prior) by Stirling's series, right to 0.0001 from 1.5 on: PromQL has no such function."""
    x = f"({count} + {prior})"
    return f"(({x} - 0.5) * ln({x}) - {x} + 0.918938533 + 1 / (12 * {x}) - 1 / (360 * {x} ^ 3))"


def render_questions() -> str:
    """Return serving/questions.yaml: every question as PromQL, for the chart to fill its `$placeholders`."""
    lines = ["# Rendered from headgate.canary by `make render`; change it there."]
    lines += ["# A limit is a number, or the key in canary.limits that has it.", "questions:"]
    for question in QUESTIONS.values():
        query = promql(question, service="$service", namespace="$namespace", pod_hash="$hash", bound="$bound")
        lines += [f"  {question.name}:", f"    about: {question.about}", f"    limit: {limit_of(question)}"]
        lines += [f"    requests: '{query.requests}'", f"    bad: '{query.bad}'"]
    lines += ["# How often, at most, a good canary is aborted: shared by its steps and questions.", f"alpha: {ALPHA}"]
    lines += ["# canary.limits.p99_ms to the bucket that ends there."]
    lines += [f"milliseconds: {', '.join(f'{bound * 1000:g}' for bound in BUCKETS_SECONDS)}", "bounds:"]
    lines += [f'  "{bound * 1000:g}": "{bound!r}"' for bound in BUCKETS_SECONDS]
    whole = promql_judgement(
        bad="$bad", requests="$requests", limit="$limit", alpha="$alpha", min_requests="$min_requests"
    )
    lines += ["# 1 fails, -1 passes, 0 and no data are inconclusive.", "judgement: >-", f"  {whole}"]
    return "\n".join(lines) + "\n"


def limit_of(question: Question) -> float | str:
    """Return the share a question allows, or the key of `limits` that says it."""
    mark = 0.123
    marked = (key for key in Limits.__struct_fields__ if question.limit(replace(Limits(), **{key: mark})) == mark)
    return next(marked, question.limit(Limits()))
