"""A rule's answer as a Finding: outcome, words and numbers."""

from headgate.gate.rules.case import Case
from headgate.gate.rules.credible import Claim
from headgate.records.judgement import Estimate, Finding, Number, Role, VerdictOutcome
from headgate.specs.gate import Rule
from headgate.wording import interval, number, signed, title


def answer(  # noqa: PLR0917 - the columns of a finding, in their order
    rule: Rule,
    name: str,
    outcome: VerdictOutcome,
    reason: str,
    limit: str,
    numbers: tuple[Number, ...] = (),
    days_needed: int | None = None,
) -> Finding:
    """Return the Finding of a rule, at the rule's severity."""
    return Finding(
        rule=name,
        outcome=outcome,
        severity=rule.severity,
        reason=reason,
        limit=limit,
        numbers=numbers,
        days_needed=days_needed,
    )


def unmeasured(rule: Rule, name: str, limit: str, why: str | None, case: Case) -> Finding:
    """Return the answer where there is no number: never a pass, and thin evidence only where rows are too few."""
    outcome: VerdictOutcome = "inconclusive" if case.evaluation.clusters < 2 else "fail"
    return answer(rule, name, outcome, f"cannot be judged: {why or 'it was not measured'}", limit)


def days_of(claim: Claim, case: Case) -> int | None:
    """Return about how many more days would settle a claim."""
    return None if claim.more_clusters is None else case.days(claim.more_clusters)


def advice(claim: Claim, case: Case, detect: str) -> str:
    """Return what an inconclusive claim is missing, for the end of a reason."""
    if claim.outcome != "inconclusive":
        return ""
    wait = case.more(claim.more_clusters) if claim.more_clusters is not None else "more rows than can be waited for"
    return f"; too wide to tell {detect}: {wait}"


def delta_text(delta: Estimate, claim: Claim, metric: str) -> str:
    """Return `AUC +.010 [.002, .018]`."""
    return f"{title(metric)} {signed(delta.value)} {interval(claim.low, claim.high)}"


def role_numbers(case: Case, metric: str, other: Role, delta: Estimate, claim: Claim) -> tuple[Number, ...]:
    """Return the numbers of a table row: the other role's metric, the candidate's, and their difference."""
    return (
        Number(label=other, value=case.value(metric, other)),
        Number(label="candidate", value=case.value(metric, "candidate")),
        Number(label="delta", value=delta.value, low=claim.low, high=claim.high),
    )


def bound(limit: float, better: int, *, sign: bool = True) -> str:
    """Return a one-sided condition: `> -.005` where more is better, `< +.005` where less is."""
    return f"{'>' if better > 0 else '<'} {signed(limit) if sign else number(limit)}"
