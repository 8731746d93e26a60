"""Was this holdout looked at too often? The rule `looks`."""

from headgate.gate.rules.answer import answer
from headgate.gate.rules.case import Case
from headgate.records.judgement import Finding, Number
from headgate.specs.gate import Looks
from headgate.wording import number


def judge(rule: Looks, case: Case) -> Finding:
    """Pass while the holdout is fresh enough; a used-up one can pass nothing, only later rows can."""
    look, limit = case.evaluation.look, f"<= {rule.at_most}"
    numbers = (Number(label="look", value=float(look)), Number(label="alpha", value=case.alpha))
    if look <= rule.at_most:
        return answer(
            rule, "looks", "pass", f"look {look} at this holdout, at level {number(case.alpha)}", limit, numbers
        )
    reason = f"look {look} at this holdout: trying until one passes proves nothing; wait for later rows"
    return answer(rule, "looks", "fail", reason, limit, numbers)
