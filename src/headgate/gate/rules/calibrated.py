"""Do predicted and observed values agree? The rule `calibrated`."""

import math

from headgate.gate.rules.answer import advice, answer, days_of, unmeasured
from headgate.gate.rules.case import Case, usable
from headgate.gate.rules.credible import Claim, harm, within
from headgate.records.judgement import Calibration, Finding, Number
from headgate.specs.gate import Calibrated
from headgate.wording import interval, number, signed


def judge(rule: Calibrated, case: Case) -> Finding:
    """Fail on a mean or a calibration error credibly beyond the limits; `proof` asks for the mean's interval inside."""
    found = next((c for c in case.evaluation.calibration if c.role == "candidate"), None)
    unit = case.unit("rmse") if case.spec.task == "regression" else 1.0
    if found is None or unit is None or not usable(found.in_the_large) or not math.isfinite(found.expected_error):
        return unmeasured(rule, "calibrated", "within limits", None, case)
    large, expected = rule.in_the_large * unit, rule.expected_error * unit
    limit = f"mean within {number(large)}, error < {number(expected)}"
    said = judge_mean(rule, found, large, case)
    outcome = "fail" if found.expected_error >= expected else said.outcome
    reason = (
        f"observed minus predicted mean {signed(found.in_the_large.value)} {interval(said.low, said.high)}, "
        f"expected calibration error {number(found.expected_error)}{advice(said, case, number(large))}"
    )
    numbers = (
        Number(label="observed - predicted", value=found.in_the_large.value, low=said.low, high=said.high),
        Number(label="expected error", value=found.expected_error),
    )
    return answer(rule, "calibrated", outcome, reason, limit, numbers, days_of(said, case))


def judge_mean(rule: Calibrated, found: Calibration, limit: float, case: Case) -> Claim:
    if rule.require == "proof":
        return within(found.in_the_large, limit, case.alpha)
    return harm(found.in_the_large, -limit, limit, case.alpha)
