"""Is any group of rows worse off with the candidate? The rule `slices`."""

from dataclasses import dataclass

from headgate.gate.rules.answer import advice, answer, bound, days_of
from headgate.gate.rules.case import Case, direction, usable
from headgate.gate.rules.credible import WORST_FIRST, Claim, claim, harm
from headgate.records.judgement import Estimate, Finding, Number, Slice
from headgate.specs.gate import Slices
from headgate.wording import counted, interval, number, signed, title

SHOWN = 5


@dataclass(frozen=True)
class Judged:
    """One slice large enough to judge, and what its interval says."""

    name: str
    delta: Estimate
    claim: Claim


def judge(rule: Slices, case: Case) -> Finding:
    """Return whether large enough slices are worse than the champion by the margin.

    no_harm_shown makes one claim of harm a slice, so the level is shared among them (Bonferroni; for "is there any"
    Holm 1979 is the same). non_inferior asks for proof on every slice: an intersection-union test, whose level no
    number of slices raises (Berger 1982).
    """
    metric = case.metric(rule.metric)
    better, unit, name = direction(metric), case.unit(metric), f"slices {metric}"
    limit = bound(-better * rule.margin * (unit or 1.0), better)
    if case.evaluation.champion is None:
        return answer(rule, name, "pass", "no champion yet", limit)
    listed = [one for one in case.evaluation.slices if one.metric == metric]
    if unit is None:
        return answer(rule, name, "fail", "cannot be judged: the baseline was not measured", limit)
    judged = [said for said in judge_each(rule, listed, better * rule.margin * unit, case) if said]
    if not judged:
        return none_judged(rule, name, limit, listed)
    reason = worst_of(judged, len(listed), metric) + advice(judged[0].claim, case, number(rule.margin * unit))
    outcome, days = judged[0].claim.outcome, days_of(judged[0].claim, case)
    return answer(rule, name, outcome, reason, limit, numbers_of(judged), days)


def judge_each(rule: Slices, listed: list[Slice], margin: float, case: Case) -> list[Judged]:
    """Return what each large slice says, the worst first; `margin` is signed like an improvement."""
    large = [one for one in listed if one.rows >= rule.min_rows and one.clusters >= rule.min_clusters]
    judged = [
        Judged(one.name, one.delta, judge_one(rule, one.delta, margin, len(large), case.alpha))
        for one in large
        if one.delta is not None and usable(one.delta)
    ]
    sign = 1 if margin > 0 else -1
    return sorted(judged, key=lambda said: (WORST_FIRST.index(said.claim.outcome), sign * said.delta.value, said.name))


def judge_one(rule: Slices, delta: Estimate, margin: float, slices: int, alpha: float) -> Claim:
    if rule.require == "non_inferior":
        return claim(delta, -margin, 0.0, alpha)
    free = float("inf")
    low_limit, high_limit = (-margin, free) if margin > 0 else (-free, -margin)
    return harm(delta, low_limit, high_limit, alpha / slices)


def none_judged(rule: Slices, name: str, limit: str, listed: list[Slice]) -> Finding:
    if not listed:
        return answer(rule, name, "pass", "no slices are declared", limit)
    reason = f"none of {counted(len(listed), 'slice')} has {rule.min_rows:,} rows in {rule.min_clusters} clusters"
    return answer(rule, name, "inconclusive" if rule.require == "non_inferior" else "pass", reason, limit)


def worst_of(judged: list[Judged], listed: int, metric: str) -> str:
    """Return the sentence about the slice that decides."""
    worst, claimed = judged[0], judged[0].claim
    small = f", {listed - len(judged)} too small to judge" if listed > len(judged) else ""
    delta = f"{title(metric)} {signed(worst.delta.value)} {interval(claimed.low, claimed.high)}"
    return f"worst of {len(judged)} judged: {worst.name} {delta}{small}"


def numbers_of(judged: list[Judged]) -> tuple[Number, ...]:
    return tuple(
        Number(label=said.name, value=said.delta.value, low=said.claim.low, high=said.claim.high)
        for said in judged[:SHOWN]
    )
