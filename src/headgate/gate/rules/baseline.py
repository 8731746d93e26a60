"""Does the candidate credibly beat the trivial predictor? The rule `baseline`."""

from headgate.gate.rules.case import Case
from headgate.gate.rules.paired import better_than
from headgate.records.judgement import Finding
from headgate.specs.gate import Baseline


def judge(rule: Baseline, case: Case) -> Finding:
    """Pass when the whole interval of the lead over the training rows' class shares (or mean) is better than 0."""
    return better_than(rule, case, "baseline", name="baseline", more_than=0.0, detect=rule.detect)
