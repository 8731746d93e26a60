"""Evaluation x policy → Verdict: every rule answers, the worst answer that decides is the verdict."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from headgate.errors import PermanentError
from headgate.gate import packs
from headgate.gate.rules import (
    baseline,
    calibrated,
    enough,
    floor,
    fresh_champion,
    gain,
    labels,
    latency,
    leak,
    looks,
    non_inferior,
    overlap,
    slices,
)
from headgate.gate.rules.case import Case
from headgate.names import Digest, short
from headgate.records.codec import digest
from headgate.records.judgement import Evaluation, Finding, Verdict, VerdictOutcome
from headgate.specs import gate as spec_of
from headgate.specs.gate import AnyRule, Pack
from headgate.specs.service import Service
from headgate.stats.metrics import METRICS, known
from headgate.stats.spending import alpha_at

RULES: dict[type[spec_of.Rule], Callable[[Any, Case], Finding]] = {
    spec_of.Floor: floor.judge,
    spec_of.Baseline: baseline.judge,
    spec_of.Gain: gain.judge,
    spec_of.NonInferior: non_inferior.judge,
    spec_of.Slices: slices.judge,
    spec_of.Calibrated: calibrated.judge,
    spec_of.MaxLatency: latency.judge,
    spec_of.EnoughRows: enough.judge,
    spec_of.NoOverlap: overlap.judge,
    spec_of.NoLeak: leak.judge,
    spec_of.FreshChampion: fresh_champion.judge,
    spec_of.LabelsCame: labels.judge,
    spec_of.Looks: looks.judge,
}


def judge(
    evaluation: Evaluation,
    pack: Pack,
    spec: Service,
    champion_now: Digest | None,
    judged_at: datetime | None = None,
) -> Verdict:
    """Return the verdict: fail if any rule fails, else inconclusive if any is, else pass; warnings never decide."""
    refuse_foreign_metrics(spec)
    alpha = alpha_at(evaluation.look, pack.alpha)
    case = Case(evaluation=evaluation, spec=spec, alpha=alpha, champion_now=champion_now)
    findings = (*already(case), *(RULES[type(rule)](rule, case) for rule in pack.rules if applies(rule, spec)))
    return Verdict(
        service=spec.service,
        outcome=worst(findings),
        findings=findings,
        policy=policy_name(pack),
        alpha=alpha,
        look=evaluation.look,
        model=evaluation.model,
        champion=evaluation.champion.sha256 if evaluation.champion else None,
        anchor=evaluation.anchor.sha256 if evaluation.anchor else None,
        evaluation=digest(evaluation),
        judged_at=judged_at,
    )


def policy_name(pack: Pack) -> str:
    """Return `balanced@<digest, first 12>`: the same name is the same rules."""
    return f"{pack.pack}@{short(packs.digest_of(pack))}"


def applies(rule: AnyRule, spec: Service) -> bool:
    """Say whether a pack's rule is about this service: a floor on AUC says nothing about a regression."""
    metric = getattr(rule, "metric", None)
    return metric is None or (metric in spec.metrics_judged and spec.task in known(metric).tasks)


def refuse_foreign_metrics(spec: Service) -> None:
    """Raise for a rule of the service's own about a metric that its task does not have: it would never be asked."""
    for rule in spec.gate.rules:
        metric = getattr(rule, "metric", None)
        if metric is not None and spec.task not in known(metric).tasks:
            raise PermanentError(
                f"gate rule {rule.__struct_config__.tag!r} names metric {metric!r}, which a {spec.task} task has not",
                found=f"metrics of {spec.task}: {', '.join(m.name for m in METRICS.values() if spec.task in m.tasks)}",
                next_step="correct gate.rules in service.yaml",
            )


def already(case: Case) -> tuple[Finding, ...]:
    """Return the refusal of a candidate that is live: there is nothing to promote."""
    candidate, champion = case.evaluation.model.sha256, case.evaluation.champion
    if candidate not in (case.champion_now, champion.sha256 if champion else None):
        return ()
    reason = f"{short(candidate)} is the champion already"
    return (Finding(rule="candidate", outcome="fail", reason=reason, limit="another model than the champion"),)


def worst(findings: tuple[Finding, ...]) -> VerdictOutcome:
    """Return the worst outcome among the findings that decide.

    >>> worst(())
    'pass'
    """
    deciding = {finding.outcome for finding in findings if finding.severity == "error"}
    return "fail" if "fail" in deciding else "inconclusive" if "inconclusive" in deciding else "pass"
