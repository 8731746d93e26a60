"""Are there enough gate rows, from enough independent clusters, for any interval to be believed? The rule `enough`."""

import math

from headgate.gate.rules.answer import answer
from headgate.gate.rules.case import Case
from headgate.gate.rules.wording import counted
from headgate.records.judgement import Finding, Number
from headgate.specs.gate import EnoughRows


def judge(rule: EnoughRows, case: Case) -> Finding:
    """Pass when rows and clusters reach the minimum; too few are inconclusive, never a failure."""
    rows, clusters = case.evaluation.rows, case.evaluation.clusters
    word = case.cluster_word
    clustered = word != "row"
    limit = f">= {counted(rule.rows, 'row')}" + (f", {counted(rule.clusters, word)}" if clustered else "")
    seen = f"{counted(rows, 'labelled row')}" + (f", {counted(clusters, word)}" if clustered else "")
    numbers = (Number(label="rows", value=float(rows)), Number(label="clusters", value=float(clusters)))
    if rows >= rule.rows and clusters >= rule.clusters:
        return answer(rule, "enough", "pass", seen, limit, numbers)
    per_cluster = rows / clusters if clusters else 1.0
    more = max(rule.clusters - clusters, math.ceil((rule.rows - rows) / per_cluster) if per_cluster else 0)
    reason = f"{seen}: too few; {case.more(more)}"
    return answer(rule, "enough", "inconclusive", reason, limit, numbers, case.days(more))
