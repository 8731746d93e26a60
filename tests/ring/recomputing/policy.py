"""What the balanced pack, as its file reads, makes of an evaluation: each rule's answer, and the verdict."""

import hashlib
import json
from datetime import datetime, timedelta
from math import ceil, inf
from pathlib import Path
from typing import Any

import yaml
from recomputing.estimates import BETTER, clusters_needed, interval

PACK = Path(__file__).parents[3] / "src" / "headgate" / "gate" / "packs" / "balanced.yaml"
LEAD = "auc"
GAP = timedelta(days=1)
"""split.gap of examples/flights/service.yaml."""
RULES: dict[str, dict[str, Any]] = {
    "enough": {"rows": ..., "clusters": 14, "per_class": 10},
    "overlap": {},
    "fresh_champion": {},
    "looks": {"at_most": 5},
    "labels": {"share": ...},
    "leak": {"limit": ...},
    "floor": {"metric": None, "limit": ..., "detect": ...},
    "baseline": {"metric": None, "detect": ...},
    "gain": {"metric": None, "more_than": ..., "detect": ...},
    "non_inferior": {"metric": None, "against": "anchor", "margin": ...},
    "slices": {"metric": None, "margin": ..., "min_rows": ..., "min_clusters": 7, "require": "no_harm_shown"},
    "calibrated": {"in_the_large": ..., "expected_error": ..., "require": "no_harm_shown"},
    "latency": {"p99_ms": ...},
}
"""What each rule says where the file is silent; `...` the file must say."""
WORST_FIRST = ("fail", "inconclusive", "pass")
SHOWN_SLICES = 5
SHOWN_LEAKS = 3
Record = dict[str, Any]
Claim = tuple[str, float, float, int | None]
"""Outcome, interval, and how many more clusters an inconclusive one needs."""


def pack() -> Record:
    """Return the pack with its defaults written out, as the code has them."""
    read: Record = yaml.safe_load(PACK.read_text(encoding="utf-8"))
    rules = [{"rule": one["rule"], "severity": "error", **RULES[one["rule"]], **one} for one in read["rules"]]
    unsaid = [f"{rule['rule']}: {key}" for rule in rules for key, value in rule.items() if value is ...]
    if unsaid:
        raise SystemExit(f"{PACK} does not say {', '.join(unsaid)}")
    return {key: read[key] for key in ("pack", "why", "alpha")} | {"rules": rules}


def name_of(policy: Record) -> str:
    """Return `balanced@<the first 12 of the sha256 of its JSON>`: every value, in the order of the alphabet."""
    rules = {key: policy[key] for key in ("pack", "alpha", "rules")}
    written = json.dumps(rules, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{policy['pack']}@{hashlib.sha256(written.encode()).hexdigest()[:12]}"


def spent(look: int, alpha: float) -> float:
    """Return three quarters of what earlier looks left: each leaves a quarter."""
    left = alpha
    for _ in range(look - 1):
        left *= 0.25
    return left * 0.75


class Judge:
    """One evaluation before the pack; `evidence` is recomputed, `taken` what predictions cannot tell."""

    def __init__(self, evidence: Record, taken: Record, alpha: float, champion_now: str | None) -> None:
        self.evidence, self.taken, self.alpha, self.champion_now = evidence, taken, alpha, champion_now
        self.champion = taken["champion"]["sha256"] if taken["champion"] else None
        start, end = (datetime.fromisoformat(taken["window"][side]) for side in ("start", "end"))
        self.start, self.days = start, (end - start) / timedelta(days=1)

    def verdict(self, policy: Record) -> Record:
        """Return outcome and findings."""
        findings = [self.answer(rule) for rule in policy["rules"]]
        if self.taken["model"]["sha256"] in {self.champion, self.champion_now}:
            findings.insert(0, {**finding("candidate", "fail"), "severity": "error"})
        deciding = {found["outcome"] for found in findings if found["severity"] == "error"}
        return {"outcome": next((one for one in WORST_FIRST if one in deciding), "pass"), "findings": findings}

    def answer(self, rule: Record) -> Record:
        return {**getattr(self, rule["rule"])(rule), "severity": rule["severity"]}

    def wait(self, clusters: int | None) -> int | None:
        """Return clusters as days of event time."""
        return None if clusters is None else max(1, ceil(clusters * self.days / self.evidence["clusters"]))

    def enough(self, rule: Record) -> Record:
        rows, clusters = self.evidence["rows"], self.evidence["clusters"]
        positives = round(sum(share * count for _, share, count in self.evidence["calibration"]["candidate"]["bins"]))
        rare = min(positives, rows - positives)
        numbers = [number("rows", rows), number("clusters", clusters)]
        lacking = [rule["rows"] - rows]
        if rare < rule["per_class"]:
            numbers.append(number("rows of the rarer class", rare))
            lacking.append(ceil((rule["per_class"] - rare) * rows / max(rare, 1)))
        elif rows >= rule["rows"] and clusters >= rule["clusters"]:
            return finding("enough", "pass", numbers)
        more = max(rule["clusters"] - clusters, ceil(max(lacking) * clusters / rows))
        return finding("enough", "inconclusive", numbers, self.wait(more))

    def overlap(self, rule: Record) -> Record:
        models = [self.taken["model"], *([self.taken["champion"]] if self.champion else [])]
        ends = [max(datetime.fromisoformat(model[end]) for end in ("train_end", "tune_end")) for model in models]
        apart = all(end + GAP <= self.start for end in ends) and not self.taken["overlap_rows"]
        numbers = [
            number("rows in common", self.taken["overlap_rows"]),
            number("duplicate ids", self.evidence["duplicate_ids"]),
        ]
        return finding("overlap", "pass" if apart else "inconclusive", numbers)

    def fresh_champion(self, rule: Record) -> Record:
        return finding("fresh_champion", "pass" if self.champion == self.champion_now else "inconclusive")

    def looks(self, rule: Record) -> Record:
        look = self.taken["look"]
        return finding(
            "looks", "pass" if look <= rule["at_most"] else "fail", [number("look", look), number("alpha", self.alpha)]
        )

    def labels(self, rule: Record) -> Record:
        missing = self.evidence["rows_missing_share"]
        bounds = self.evidence["comparisons"][f"{LEAD} {'champion' if self.champion else 'baseline'}"]["worst_case"]
        numbers = [number("missing share", missing)]
        if bounds:
            numbers.append(number(f"worst case {LEAD} delta", None, *bounds))
        ahead = bool(bounds) and min(BETTER[LEAD] * end for end in bounds) > 0
        return finding("labels", "pass" if missing <= rule["share"] or ahead else "inconclusive", numbers)

    def leak(self, rule: Record) -> Record:
        scores = [(one["feature"], one["score"]) for one in self.taken["leaks"]]
        clean = all(score < rule["limit"] for _, score in scores)
        return finding("leak", "pass" if clean else "fail", [number(*one) for one in scores[:SHOWN_LEAKS]])

    def floor(self, rule: Record) -> Record:
        metric, found = rule["metric"], self.evidence["metrics"][f"{rule['metric']} candidate"]
        if found is None:
            return self.unmeasured(f"floor {metric}")
        limit, better = rule["limit"], BETTER[metric]
        outcome, low, high, more = claim(found, limit, limit + better * rule["detect"], self.alpha)
        return finding(f"floor {metric}", outcome, [number("candidate", found["value"], low, high)], self.wait(more))

    def baseline(self, rule: Record) -> Record:
        return self.paired(rule, "baseline", "baseline {}", 0.0, rule["detect"])

    def gain(self, rule: Record) -> Record:
        return self.paired(rule, "champion", "gain {}", rule["more_than"], rule["detect"])

    def non_inferior(self, rule: Record) -> Record:
        name = "non_inferior {}" + (" vs anchor" if rule["against"] == "anchor" else "")
        return self.paired(rule, rule["against"], name, -rule["margin"], rule["margin"])

    def paired(self, rule: Record, other: str, name: str, more_than: float, detect: float) -> Record:
        metric = rule["metric"] or LEAD
        name, better = name.format(metric), BETTER[metric]
        if other != "baseline" and self.taken[other] is None:
            return finding(name, "pass")
        delta = self.evidence["comparisons"][f"{metric} {other}"]["delta"]
        if delta is None:
            return self.unmeasured(name)
        outcome, low, high, more = claim(delta, better * more_than, better * (more_than + detect), self.alpha)
        sides = [number(role, self.evidence["metrics"][f"{metric} {role}"]["value"]) for role in (other, "candidate")]
        return finding(name, outcome, [*sides, number("delta", delta["value"], low, high)], self.wait(more))

    def unmeasured(self, name: str) -> Record:
        return finding(name, "inconclusive" if self.evidence["clusters"] < 2 else "fail")

    def slices(self, rule: Record) -> Record:
        metric = rule["metric"] or LEAD
        name, better = f"slices {metric}", BETTER[metric]
        if self.champion is None:
            return finding(name, "pass")
        large = {
            key.removeprefix(f"{metric} "): one["delta"]
            for key, one in self.evidence["slices"].items()
            if key.startswith(f"{metric} ")
            and one["rows"] >= rule["min_rows"]
            and one["clusters"] >= rule["min_clusters"]
        }
        judged = []
        for group, delta in large.items():
            if delta is not None:
                low, high = interval(delta, self.alpha / len(large))
                harmed = (high if better > 0 else -low) < -rule["margin"]
                judged.append(
                    (WORST_FIRST.index("fail" if harmed else "pass"), better * delta["value"], group, low, high)
                )
        judged.sort()
        numbers = [number(group, better * value, low, high) for _, value, group, low, high in judged[:SHOWN_SLICES]]
        return finding(name, WORST_FIRST[judged[0][0]] if judged else "pass", numbers)

    def calibrated(self, rule: Record) -> Record:
        found = self.evidence["calibration"]["candidate"]
        mean, error = found["in_the_large"], found["expected_error"]
        low, high = interval(mean, self.alpha)
        wrong = high < -rule["in_the_large"] or low > rule["in_the_large"] or error >= rule["expected_error"]
        numbers = [number("observed - predicted", mean["value"], low, high), number("expected error", error)]
        return finding("calibrated", "fail" if wrong else "pass", numbers)

    def latency(self, rule: Record) -> Record:
        took = self.taken["latency"]
        quick = took["calls"] > 0 and took["p99_ms"] < rule["p99_ms"]
        numbers = [number("p99 ms", took["p99_ms"]), number("p50 ms", took["p50_ms"])] if took["calls"] else []
        return finding("latency", "pass" if quick else "fail", numbers)


def claim(found: Record, limit: float, aim: float, alpha: float) -> Claim:
    """Say whether a value is credibly beyond `limit` towards `aim`, or could have been shown to be and was not."""
    low, high = interval(found, alpha)
    upwards = aim > limit
    if low > limit if upwards else high < limit:
        return "pass", low, high, None
    needed = clusters_needed(found, abs(aim - limit), alpha)
    short_of_aim = high < aim if upwards else low > aim
    if short_of_aim or (needed or inf) <= found["clusters"]:
        return "fail", low, high, None
    return "inconclusive", low, high, None if needed is None else needed - found["clusters"]


def finding(rule: str, outcome: str, numbers: list[Record] | None = None, days: int | None = None) -> Record:
    return {"rule": rule, "outcome": outcome, "numbers": numbers or [], "days_needed": days}


def number(label: str, value: float | None, low: float | None = None, high: float | None = None) -> Record:
    return {"label": label, "value": value, "low": low, "high": high}
