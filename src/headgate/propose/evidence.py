"""The numbers of a verdict and its evaluation as tables and sentences."""

import math
from collections.abc import Sequence
from datetime import datetime

from headgate.names import short
from headgate.propose.words import code, escape, table
from headgate.records.dataset import Window
from headgate.records.judgement import Estimate, Evaluation, Finding, Number, Slice, Verdict
from headgate.records.live import DriftReport
from headgate.records.model import Model
from headgate.stats.clustered import interval as bounds_of
from headgate.stats.metrics import METRICS
from headgate.wording import day, interval, length, number, percent, signed, title

SLICES_SHOWN = 8
FINDINGS_SHOWN = 40
COLUMNS_SHOWN = 12
ORDER = ("champion", "anchor", "baseline")
"""What a reviewer asks first stands first."""


def comparisons(verdict: Verdict, evaluation: Evaluation) -> list[str]:
    """Return the leading table: one row for each rule that compared a metric with another role."""
    level = f"{100 * (1 - verdict.alpha):.3g} %"
    clustered = f", clustered by {code(evaluation.clustered_by)}" if evaluation.clustered_by else ""
    heads = ("metric", "compared with", "candidate", f"delta [{level}{clustered}]", "rule", "")
    found = sorted(
        (finding for finding in verdict.findings if compared(finding)), key=lambda one: ORDER.index(role_of(one))
    )
    rows = [comparison_row(finding, evaluation) for finding in found]
    rows += [latency_row(finding) for finding in verdict.findings if finding.rule == "latency"]
    return table(heads, rows[:FINDINGS_SHOWN])


def compared(finding: Finding) -> bool:
    return {"candidate", "delta"} <= {one.label for one in finding.numbers}


def numbers(finding: Finding) -> dict[str, Number]:
    return {one.label: one for one in finding.numbers}


def role_of(finding: Finding) -> str:
    """Return with whom a finding compares the candidate."""
    return next((one.label for one in finding.numbers if one.label in ORDER), "baseline")


def comparison_row(finding: Finding, evaluation: Evaluation) -> tuple[str, ...]:
    named = numbers(finding)
    role = role_of(finding)
    delta = named["delta"]
    who = {"champion": evaluation.champion, "anchor": evaluation.anchor}.get(role)
    against = f"{role} {code(short(who.sha256))}" if who else escape(role)
    metric = title(([*finding.rule.split(), ""])[1])
    change = f"{signed(delta.value)} {interval(delta.low, delta.high)}"
    values = (f"{number(named[role].value) if role in named else '-'} ({against})", number(named["candidate"].value))
    return (escape(metric), *values, change, escape(finding.limit), outcome(finding))


def latency_row(finding: Finding) -> tuple[str, ...]:
    value = next((one.value for one in finding.numbers if one.label.startswith("p99")), None)
    return ("p99 latency, CPU ms", "-", number(value), "-", escape(finding.limit), outcome(finding))


def outcome(finding: Finding) -> str:
    return finding.outcome if finding.severity == "error" else f"{finding.outcome} (warning only)"


def other_rules(verdict: Verdict) -> list[str]:
    """Return the table of rules that compared nothing: enough rows, no overlap, calibration, …."""
    rest = [finding for finding in verdict.findings if not compared(finding) and finding.rule != "latency"]
    rows = [(code(one.rule), escape(one.limit), escape(one.reason), outcome(one)) for one in rest]
    return table(("rule", "asks", "found", ""), rows[:FINDINGS_SHOWN])


def worst_slices(verdict: Verdict, evaluation: Evaluation) -> list[str]:
    """Return the table of the slices that gain least, worst first."""
    ranked = ranked_slices(verdict, evaluation)
    limits = {finding.rule: finding.limit for finding in verdict.findings}
    rows = [
        (
            code(one.name),
            f"{one.rows:,} / {one.clusters:,}",
            change_of(one.delta, verdict.alpha),
            escape(limits.get(f"slices {one.metric}", "not judged")),
        )
        for one in ranked[:SLICES_SHOWN]
    ]
    return table(("slice", f"rows / {cluster_word(evaluation)}", "delta", "rule"), rows)


def ranked_slices(verdict: Verdict, evaluation: Evaluation) -> list[Slice]:
    """Return the slices of the leading metric, the one with the worst end of its interval first.

    Where the gate judged slices they are those it names: the others were too small to tell anything.
    """
    leading = next((one.metric for one in evaluation.slices), None)
    listed = [one for one in evaluation.slices if one.metric == leading and one.delta is not None]
    judged = {one.label for found in verdict.findings if found.rule.startswith("slices ") for one in found.numbers}
    large = [one for one in listed if one.name in judged] or listed
    return sorted(large, key=lambda one: (worst_end(one.metric, one.delta, verdict.alpha), one.name))


def worst_end(metric: str, delta: Estimate | None, alpha: float) -> float:
    """Return the interval's worse end, as an improvement."""
    bounds = bounds_or_none(delta, alpha)
    if bounds is None:
        return math.inf
    return bounds[0] if higher_is_better(metric) else -bounds[1]


def higher_is_better(metric: str) -> bool:
    return METRICS[metric].higher_is_better if metric in METRICS else True


def bounds_or_none(delta: Estimate | None, alpha: float) -> tuple[float, float] | None:
    if delta is None or delta.clusters < 2 or not math.isfinite(delta.value + delta.standard_error):
        return None
    return bounds_of(delta, alpha)


def change_of(delta: Estimate | None, alpha: float) -> str:
    low, high = bounds_or_none(delta, alpha) or (None, None)
    return f"{signed(delta.value if delta else None)} {interval(low, high)}".strip()


def main_risk(verdict: Verdict, evaluation: Evaluation) -> str:
    """Return the one thing a reviewer should think about first."""
    warned = [finding for finding in verdict.findings if finding.outcome != "pass"]
    if warned:
        return f"{escape(warned[0].rule)}: {escape(warned[0].reason)}."
    if evaluation.champion is None:
        return "there is no champion to compare with; it is the first model here."
    worst = next(iter(ranked_slices(verdict, evaluation)), None)
    if worst is not None and worst_end(worst.metric, worst.delta, verdict.alpha) < 0:
        return f"{code(worst.name)} may be worse: {title(worst.metric)} {change_of(worst.delta, verdict.alpha)}."
    if any(one.worst_case and one.worst_case[0] < 0 < one.worst_case[1] for one in evaluation.comparisons):
        return "the labels that never came could turn the gain around."
    return "no rule found one; the canary watches the rest."


def belief(verdict: Verdict, evaluation: Evaluation) -> list[str]:
    """Return what the numbers rest on, a fact a line."""
    candidate, champion = evaluation.model, evaluation.champion
    ends = f"Train ends: candidate {day(learned_until(candidate))}"
    ends += f", champion {day(learned_until(champion))}" if champion else ""
    lines = [
        (
            f"- Gate rows {window(evaluation.window)}: {sample(evaluation)}; "
            f"**look {verdict.look}** at this holdout, level {number(verdict.alpha)}."
        ),
        (
            f"- {ends}; gap {gap(evaluation)}; overlap {evaluation.overlap_rows:,} rows; "
            f"duplicate ids {evaluation.duplicate_ids:,}."
        ),
        (
            f"- Labels that never came: {evaluation.labels_missing:,} ({percent(evaluation.rows_missing_share)})"
            f"{worst_case(evaluation)}."
        ),
        f"- Policy {code(verdict.policy)}.",
    ]
    leaks = ", ".join(f"{code(leak.feature, 60)} {number(leak.score)}" for leak in evaluation.leaks[:3])
    return [*lines, f"- Strongest single features: {leaks}."] if leaks else lines


def sample(evaluation: Evaluation) -> str:
    """Return how many rows, and how many independent groups."""
    clusters = f", {evaluation.clusters:,} {cluster_word(evaluation)}" if evaluation.clustered_by else ""
    return f"{evaluation.rows:,} rows{clusters}"


def cluster_word(evaluation: Evaluation) -> str:
    by = evaluation.clustered_by
    return {"day": "days", "week": "weeks", None: "clusters"}.get(by) or f"groups of {code(by or '')}"


def window(found: Window | None) -> str:
    return "without event time" if found is None else f"{day(found.start)} … {day(found.end)}"


def gap(evaluation: Evaluation) -> str:
    end = learned_until(evaluation.model)
    return length(evaluation.window.start - end) if evaluation.window and end else "unknown"


def learned_until(model: Model) -> datetime | None:
    """Return the last event time that fit saw, tune rows included."""
    return max((end for end in (model.train_end, model.tune_end) if end), default=None)


def worst_case(evaluation: Evaluation) -> str:
    bounded = [one for one in evaluation.comparisons if one.worst_case and one.against == "champion"]
    told = [f"{title(one.metric)} {interval(*one.worst_case)}" for one in bounded if one.worst_case]
    return f"; worst case for the delta: {', '.join(told)}" if told else ""


def drift(report: DriftReport | None) -> list[str]:
    """Return what drifted since the champion learned."""
    if report is None:
        return []
    moved = [one for one in report.columns if one.outcome == "drifted"]
    named = [f"{code(one.column, 60)}{' (expected)' if one.expected else ''}" for one in moved[:COLUMNS_SHOWN]]
    more = f" and {len(moved) - COLUMNS_SHOWN} more" if len(moved) > COLUMNS_SHOWN else ""
    words = ", ".join(named) + more if named else "no column beyond what the reference does to itself"
    return [f"- Drift since the champion ({window(report.window)}): {report.outcome.replace('_', ' ')}; {words}."]


def leading(findings: Sequence[Finding]) -> str:
    """Return the sentence that says why, for titles: the gain where there is one."""
    first = next((one for one in findings if one.rule.startswith("gain") and one.numbers), None)
    if first is None:
        return "no champion yet" if findings else "no rule"
    delta = numbers(first)["delta"] if compared(first) else first.numbers[-1]
    return f"{title(first.rule.split()[1])} {signed(delta.value)} {interval(delta.low, delta.high)}"
