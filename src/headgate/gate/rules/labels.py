"""Could the labels that never came turn the answer round? The rule `labels`."""

import math

from headgate.gate.rules.answer import answer
from headgate.gate.rules.case import Case, direction
from headgate.records.judgement import Finding, Number, Role
from headgate.specs.gate import LabelsCame
from headgate.wording import counted, interval, title


def judge(rule: LabelsCame, case: Case) -> Finding:
    """Pass when few labels are missing, or when even their worst case leaves the candidate ahead (Manski)."""
    evaluation = case.evaluation
    missing, limit = evaluation.rows_missing_share, f"<= {rule.share:.0%} missing"
    metric, other = case.metric(None), other_role(case)
    bounds = worst_case(case, metric, other)
    numbers = [Number(label="missing share", value=missing)]
    seen = f"{missing:.1%} of labels never came ({counted(evaluation.labels_missing, 'row')})"
    if bounds:
        numbers.append(Number(label=f"worst case {metric} delta", value=None, low=bounds[0], high=bounds[1]))
        seen += f"; worst case for the {title(metric)} delta to the {other} {interval(*bounds)}"
    if not math.isfinite(missing):
        return answer(rule, "labels", "fail", "cannot be judged: the share of missing labels is unknown", limit)
    if not missing:
        return answer(rule, "labels", "pass", "every label came", limit, tuple(numbers))
    if missing <= rule.share:
        return answer(rule, "labels", "pass", seen, limit, tuple(numbers))
    if bounds and min(direction(metric) * end for end in bounds) > 0:
        return answer(rule, "labels", "pass", f"{seen}: still ahead", limit, tuple(numbers))
    reason = f"{seen}: they could turn the answer round"
    return answer(rule, "labels", "inconclusive", reason, limit, tuple(numbers))


def other_role(case: Case) -> Role:
    return "champion" if case.evaluation.champion else "baseline"


def worst_case(case: Case, metric: str, other: Role) -> tuple[float, float] | None:
    compared = case.comparison(metric, other)
    return compared.worst_case if compared else None
