"""Is the metric itself credibly better than an absolute limit? The rule `floor`."""

from headgate.gate.rules.answer import advice, answer, bound, days_of, unmeasured
from headgate.gate.rules.case import Case, direction, usable
from headgate.gate.rules.credible import claim
from headgate.records.judgement import Finding, Number
from headgate.specs.gate import Floor
from headgate.wording import interval, number, title


def judge(rule: Floor, case: Case) -> Finding:
    """Pass when the candidate's whole interval is better than the limit."""
    metric = case.metric(rule.metric)
    better, name = direction(metric), f"floor {metric}"
    limit = bound(rule.limit, better, sign=False)
    found, unit = case.measured(metric, "candidate"), case.unit(metric)
    if found is None or found.estimate is None or not usable(found.estimate) or unit is None:
        return unmeasured(rule, name, limit, found.reason if found else None, case)
    said = claim(found.estimate, rule.limit, rule.limit + better * rule.detect * unit, case.alpha)
    words = {"pass": "is", "fail": "is not shown to be", "inconclusive": "may or may not be"}[said.outcome]
    reason = f"{title(metric)} {number(found.estimate.value)} {interval(said.low, said.high)} {words} {limit}"
    numbers = (Number(label="candidate", value=found.estimate.value, low=said.low, high=said.high),)
    reason += advice(said, case, number(rule.detect * unit))
    return answer(rule, name, said.outcome, reason, limit, numbers, days_of(said, case))
