"""Candidate against another role on the same rows: what baseline, gain and non_inferior have in common."""

from headgate.gate.rules.answer import advice, answer, bound, days_of, delta_text, role_numbers, unmeasured
from headgate.gate.rules.case import Case, direction, usable
from headgate.gate.rules.credible import Claim, claim
from headgate.records.judgement import Finding, Role
from headgate.specs.gate import Baseline, Gain, NonInferior
from headgate.wording import number


def better_than(
    rule: Baseline | Gain | NonInferior, case: Case, other: Role, *, name: str, more_than: float, detect: float
) -> Finding:
    """Return whether the candidate is credibly better than `other` by `more_than`, in the metric's better direction.

    `detect` is how far beyond `more_than` the rows must be able to see; both are shares where the metric is relative.
    """
    metric = case.metric(rule.metric)
    better, unit = direction(metric), case.unit(metric)
    name = f"{name} {metric}" if other in {"champion", name} else f"{name} {metric} vs {other}"
    limit = bound(better * more_than * (unit or 1.0), better)
    if absent(case, other):
        return answer(rule, name, "pass", f"no {other} yet", limit)
    compared = case.comparison(metric, other)
    if compared is None or compared.delta is None or not usable(compared.delta) or unit is None:
        return unmeasured(rule, name, limit, compared.reason if compared else None, case)
    aim = better * (more_than + detect) * unit
    said = claim(compared.delta, better * more_than * unit, aim, case.alpha)
    reason = f"{delta_text(compared.delta, said, metric)} {verdict_words(said, rule, other)}"
    reason += advice(said, case, number(detect * unit))
    numbers = role_numbers(case, metric, other, compared.delta, said)
    return answer(rule, name, said.outcome, reason, limit, numbers, days_of(said, case))


def absent(case: Case, other: Role) -> bool:
    return {"champion": case.evaluation.champion, "anchor": case.evaluation.anchor}.get(other, case) is None


def verdict_words(said: Claim, rule: Baseline | Gain | NonInferior, other: Role) -> str:
    if isinstance(rule, NonInferior):
        return {"pass": f"not worse than the {other}", "fail": f"not shown to keep up with the {other}"}.get(
            said.outcome, f"may be worse than the {other}"
        )
    tie = "; a tie keeps the champion" if other == "champion" and said.high * said.low <= 0 else ""
    return {"pass": f"better than the {other}", "fail": f"not shown to be better than the {other}{tie}"}.get(
        said.outcome, f"may or may not be better than the {other}"
    )
