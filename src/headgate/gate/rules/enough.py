"""Are there enough gate rows, from enough independent clusters, for any interval to be believed? The rule `enough`."""

import math

from headgate.gate.rules.answer import answer
from headgate.gate.rules.case import Case
from headgate.records.judgement import Finding, Number
from headgate.specs.gate import EnoughRows
from headgate.wording import counted


def judge(rule: EnoughRows, case: Case) -> Finding:
    """Pass when rows, clusters and rows of the rarer class reach the minimum; too few are inconclusive, no failure."""
    rows, clusters = case.evaluation.rows, case.evaluation.clusters
    word = case.cluster_word
    clustered = word != "row"
    limit = f">= {counted(rule.rows, 'row')}" + (f", {counted(rule.clusters, word)}" if clustered else "")
    seen = f"{counted(rows, 'labelled row')}" + (f", {counted(clusters, word)}" if clustered else "")
    numbers: tuple[Number, ...] = (
        Number(label="rows", value=float(rows)),
        Number(label="clusters", value=float(clusters)),
    )
    rare = rarer(case)
    if rare is not None and rare < rule.per_class:
        limit += f", {counted(rule.per_class, 'row')} of each class"
        seen += f", {rare:,} of the rarer class"
        numbers = (*numbers, Number(label="rows of the rarer class", value=float(rare)))
    elif rows >= rule.rows and clusters >= rule.clusters:
        return answer(rule, "enough", "pass", seen, limit, numbers)
    per_cluster = rows / clusters if clusters else 1.0
    lacking = [rule.rows - rows]
    if rare is not None and rare < rule.per_class:
        lacking.append(math.ceil((rule.per_class - rare) * rows / max(rare, 1)))
    more = max(rule.clusters - clusters, math.ceil(max(lacking) / per_cluster) if per_cluster else 0)
    reason = f"{seen}: too few; {case.more(more)}"
    return answer(rule, "enough", "inconclusive", reason, limit, numbers, case.days(more))


def rarer(case: Case) -> int | None:
    """Return how many labelled rows a binary task's rarer class has, as the calibration bins count them."""
    found = next((one for one in case.evaluation.calibration if one.role == "candidate"), None)
    if case.spec.task != "binary" or found is None or not found.bins:
        return None
    positives = round(sum(share * rows for _, share, rows in found.bins))
    return min(positives, sum(rows for _, _, rows in found.bins) - positives)
