"""Does one feature alone predict the label almost perfectly? The rule `leak`."""

from headgate.gate.rules.answer import answer
from headgate.gate.rules.case import Case
from headgate.records.judgement import Finding, Number
from headgate.specs.gate import NoLeak
from headgate.wording import number

SHOWN = 3


def judge(rule: NoLeak, case: Case) -> Finding:
    """Pass when no feature reaches the limit; a feature that does is probably made from the answer."""
    leaks, limit = case.evaluation.leaks, f"< {number(rule.limit)}"
    numbers = tuple(Number(label=leak.feature, value=leak.score) for leak in leaks[:SHOWN])
    found = [leak for leak in leaks if not leak.score < rule.limit]
    if found:
        named = ", ".join(f"{leak.feature!r} ({number(leak.score)})" for leak in found[:SHOWN])
        reason = f"{named} alone predicts the label: is it known before the label is?"
        return answer(rule, "leak", "fail", reason, limit, numbers)
    strongest = (
        f"strongest single feature: {leaks[0].feature!r}, {number(leaks[0].score)}" if leaks else "no feature alone"
    )
    return answer(rule, "leak", "pass", strongest, limit, numbers)
