"""Is the candidate credibly better than the champion? The rule `gain`."""

from headgate.gate.rules.case import Case
from headgate.gate.rules.paired import better_than
from headgate.records.judgement import Finding
from headgate.specs.gate import Gain


def judge(rule: Gain, case: Case) -> Finding:
    """Pass when the whole interval of the gain is above `more_than`; a tie keeps the champion."""
    return better_than(rule, case, "champion", name="gain", more_than=rule.more_than, detect=rule.detect)
