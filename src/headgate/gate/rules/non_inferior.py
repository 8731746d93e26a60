"""Is the candidate credibly not worse than another role by more than a margin? The rule `non_inferior`."""

from headgate.gate.rules.case import Case
from headgate.gate.rules.paired import better_than
from headgate.records.judgement import Finding
from headgate.specs.gate import NonInferior


def judge(rule: NonInferior, case: Case) -> Finding:
    """Pass when the whole interval of the difference is better than minus the margin.

    Against the anchor it stops the creep of many promotions that each may lose a little (D'Agostino 2003).
    """
    return better_than(rule, case, rule.against, name="non_inferior", more_than=-rule.margin, detect=rule.margin)
