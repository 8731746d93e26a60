"""Is the packaged model quick enough? The rule `latency`."""

import math

from headgate.gate.rules.answer import answer
from headgate.gate.rules.case import Case
from headgate.records.judgement import Finding, Number
from headgate.specs.gate import MaxLatency
from headgate.wording import counted, number


def judge(rule: MaxLatency, case: Case) -> Finding:
    """Pass when the measured p99 is below the limit."""
    measured, limit = case.evaluation.latency, f"< {number(rule.p99_ms)} ms"
    if measured.calls == 0 or not math.isfinite(measured.p99_ms):
        return answer(rule, "latency", "fail", "cannot be judged: latency was not measured", limit)
    reason = f"p99 {number(measured.p99_ms)} ms, p50 {number(measured.p50_ms)} ms in {counted(measured.calls, 'call')}"
    numbers = (Number(label="p99 ms", value=measured.p99_ms), Number(label="p50 ms", value=measured.p50_ms))
    return answer(rule, "latency", "pass" if measured.p99_ms < rule.p99_ms else "fail", reason, limit, numbers)
