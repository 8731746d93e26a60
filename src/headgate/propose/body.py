"""The words of a pull request: a promotion argues its case, a revert shows its proof. Deterministic, and bounded."""

import re
from collections.abc import Sequence
from datetime import datetime

from headgate.desired import champion
from headgate.names import Digest, short
from headgate.propose import evidence, proof
from headgate.propose.actions import Situation
from headgate.propose.words import code, escape
from headgate.records import codec
from headgate.records.judgement import Evaluation, Verdict
from headgate.records.live import Analysis, DriftReport, LiveTag, Revision
from headgate.specs.canary import Canary
from headgate.specs.environment import Version
from headgate.wording import day, length, one_line

LIMIT = 59_000
"""Characters; forges refuse bodies above 65,536."""
PARAMS_SHOWN = 40
MARK = re.compile(r"<!-- headgate model=(\w{64}) settings=(\w{64}) verdict=(\w{64}) judged=(\S+) -->")


def promotion(
    verdict: Verdict,
    evaluation: Evaluation,
    situation: Situation,
    version: Version,
    *,
    settings: Digest,
    canary: Canary,
    drift: DriftReport | None = None,
) -> str:
    """Return the body of a promotion: verdict and main risk first, undo and provenance last."""
    service, environment = verdict.service, situation.environment
    slices = evidence.worst_slices(verdict, evaluation)
    lines = [
        f"## {service} → {environment}: {verdict.outcome.upper()}, {approval(situation)}",
        f"{replaces(verdict, situation)} Cause: {escape(version.cause.detail or version.cause.cause)}.",
        f"**Main risk:** {evidence.main_risk(verdict, evaluation)}",
        "",
        *evidence.comparisons(verdict, evaluation),
        *(["", "### Worst slices", *slices] if slices else []),
        "",
        "### Can I believe it?",
        *evidence.belief(verdict, evaluation),
        *evidence.drift(drift),
        "",
        *evidence.other_rules(verdict),
        "",
        "### What changes in the cluster",
        f"`storageUri` of one InferenceService: {code(version.storage_uri, 200)}. {canary_plan(canary)}",
        f"**Undo:** {way_back(situation, service)}",
        "",
        *provenance(verdict, evaluation, version, situation),
        "",
        mark(verdict.model.sha256, settings, version.verdict, verdict.judged_at),
    ]
    return bounded("\n".join(lines) + "\n")


def approval(situation: Situation) -> str:
    by_rule = situation.desired.environment_order(situation.environment).promotions_merge == "by_rule"
    return "merges by rule" if by_rule else "needs one approval"


def replaces(verdict: Verdict, situation: Situation) -> str:
    """Return what the candidate replaces, and how long that was live in event time."""
    new = code(short(verdict.model.sha256))
    old = champion(situation.tags, situation.environment, verdict.service)
    if old is None:
        return f"First model here: {new}."
    days = (verdict.judged_at - old.at).days if verdict.judged_at else None
    lived = f" (live {days} days)" if days is not None and days >= 0 else ""
    return f"Replaces {code(short(old.revision.model))}{lived} with {new}."


def way_back(situation: Situation, service: str) -> str:
    """Return what takes the promotion back; before a first model there is nothing that a revert could restore."""
    if champion(situation.tags, situation.environment, service) is None:
        return (
            "no model was live here before, so there is none to go back to; "
            "revert the merge by hand, and main names no model: the service is retired."
        )
    return f"`headgate propose --revert {service} {situation.environment}` (or revert the merge by hand)"


def canary_plan(canary: Canary) -> str:
    """Return how traffic moves and what ends it."""
    steps = " → ".join(f"{step} %" for step in canary.steps)
    limits = {"errors": f"errors > {canary.limits.errors * 100:g} %", "p99": f"p99 > {canary.limits.p99_ms:g} ms"}
    ends = ", ".join(limits.get(question, escape(question)) for question in canary.questions) or "nothing asked"
    return (
        f"Canary {steps}, {length(canary.pause)} and {canary.min_requests:,} answers each at least, then all; "
        f"ends on {ends}; holds when there is no data."
    )


def provenance(verdict: Verdict, evaluation: Evaluation, version: Version, situation: Situation) -> list[str]:
    """Return the folded part: everything the model was made from, by digest."""
    model = evaluation.model
    params = [f"{one_line(str(key), 40)}={one_line(str(value), 60)}" for key, value in sorted(model.params.items())]
    commit = f" · commit {code(version.commit, 40)}" if version.commit else ""
    run = f" · run {code(version.run, 80)}" if version.run else ""
    trigger = f" · trigger {code(version.cause.trigger, 40)}" if version.cause.trigger else ""
    is_first = situation.desired.order()[0].name == situation.environment
    elsewhere = "" if is_first else f" --environment {situation.environment}"
    return [
        "<details><summary>Provenance</summary>",
        "",
        f"- model {code(model.version)} {code(f'sha256:{model.sha256}')}",
        (
            f"- data {code(f'sha256:{model.dataset.sha256}')} ({evidence.window(model.dataset.window)}, "
            f"{model.dataset.rows:,} rows)"
        ),
        (
            f"- code {code(short(model.code))}{commit} · lock {code(short(model.lock))} · seed {model.seed}"
            f" · trainer {code(model.trainer)}{run}{trigger}"
        ),
        f"- params {code(', '.join(params[:PARAMS_SHOWN]) or 'none', 2000)}",
        f"- evidence {code(f'sha256:{verdict.evaluation}')} · predictions {code(short(evaluation.predictions_sha256))}",
        "",
        f"Judge again: `headgate gate --from {verdict.evaluation}{elsewhere}`",
        "</details>",
    ]


def mark(model: Digest, settings: Digest, verdict: Digest, judged_at: datetime | None) -> str:
    """Return the hidden line by which a later plan knows what an open pull request argues from."""
    judged = judged_at.isoformat() if judged_at else "-"
    return f"<!-- headgate model={model} settings={settings} verdict={verdict} judged={judged} -->"


def read_mark(body: str) -> tuple[str, str, str, datetime | None] | None:
    """Return (model, settings, verdict, judged at) of a body, None when a person took the line away."""
    found = MARK.search(body)
    if found is None:
        return None
    try:
        judged = None if found[4] == "-" else datetime.fromisoformat(found[4])
    except ValueError:
        return None
    return found[1], found[2], found[3], judged


def revert_title(analysis: Analysis, healthy: LiveTag | None, *, restored: bool) -> str:
    """Return the title of a revert: where it goes, and what failed."""
    failed = short(analysis.revision.model)
    to = f"REVERT to {short(healthy.revision.model)}" if healthy else "REVERT to nothing"
    what = to if restored else f"BAN {failed}"
    return f"{analysis.service} → {analysis.environment}: {what} (canary of {failed} failed at {analysis.weight} %)"


def revert(
    analysis: Analysis,
    situation: Situation,
    healthy: LiveTag | None,
    *,
    analyses: Sequence[Analysis],
    restored: Sequence[str],
    banned: bool,
    spoiled: int | None,
) -> str:
    """Return the body of a revert: what failed beside stable, who met it, what serves now, what is banned."""
    service, environment, failed = analysis.service, situation.environment, analysis.revision
    pair = f"{code(short(failed.model))} with settings {code(short(failed.settings))}"
    bans = [
        f"{pair} is not proposed for {environment} again until `{unban_command(service, environment, failed.model)}`"
    ]
    lines = [
        f"## {revert_title(analysis, healthy, restored=bool(restored))}",
        f"**Why:** {escape(proof.sentence(analysis), 600)}.",
        "",
        *proof.answers(analysis),
        "",
        *proof.plot(analyses),
        "",
        "### Who met it",
        met(analysis, analyses, spoiled),
        "",
        "### What serves now",
        f"{code(short(healthy.revision.model))}, all of the traffic."
        if healthy
        else "Nothing: no model was live before.",
        "",
        "### What the failed revision changed",
        *proof.differences(failed, healthy.revision if healthy else None),
        "",
        f"This restores {', '.join(code(path) for path in restored)}." if restored else "Main has moved on already.",
        "",
        "### What is banned",
        *(bans if banned else ["Nothing new: the pair is banned already, or the chart alone changed."]),
        "",
        *folded(analysis),
    ]
    return bounded("\n".join(lines) + "\n")


def unban_command(service: str, environment: str, model: str) -> str:
    """Return what a person types to lift a ban."""
    return f"headgate unban {service} {environment} --model {short(model)} --reason '…'"


def met(analysis: Analysis, analyses: Sequence[Analysis], spoiled: int | None) -> str:
    """Return how many requests met the failed revision."""
    requests, bad = proof.met(analyses)
    steps = ", ".join(dict.fromkeys(f"{one.weight} %" for one in analyses))
    return (
        f"{requests:,} requests at {steps}, {bad if spoiled is None else spoiled:,} of them spoiled, "
        f"until {analysis.ended_at:%Y-%m-%d %H:%M:%S}; then all traffic went back."
    )


def undo(
    situation: Situation, service: str, now: Revision, healthy: LiveTag, *, reason: str, restored: Sequence[str]
) -> str:
    """Return the body of a person's undo."""
    lines = [
        f"## {service} → {situation.environment}: UNDO to {short(healthy.revision.model)}",
        f"**Because:** {escape(reason) or 'a person asked'}",
        "",
        f"{code(short(healthy.revision.model))} was live from {day(healthy.at)} (tag {healthy.seq}).",
        *proof.differences(now, healthy.revision),
        "",
        f"This restores {', '.join(code(path) for path in restored)}. Nothing is banned.",
    ]
    return bounded("\n".join(lines) + "\n")


def folded(analysis: Analysis) -> list[str]:
    """Return the analysis itself, folded; nothing in it can end its block."""
    text = codec.encode(analysis).decode().strip().replace("`", "\\u0060")
    kept = text if len(text) < LIMIT // 2 else f"{text[: LIMIT // 2]}\n… cut"
    return ["<details><summary>The analysis</summary>", "", "```json", kept, "```", "</details>"]


def bounded(body: str) -> str:
    """Return a body that every forge accepts; its last line, the mark, is kept."""
    if len(body) <= LIMIT:
        return body
    last = body.rstrip().rpartition("\n")[2]
    kept = body[: LIMIT - len(last) - 100].rpartition("\n")[0]
    return f"{kept}\n\n*Cut here: the evidence has the rest.*\n\n{last}\n"
