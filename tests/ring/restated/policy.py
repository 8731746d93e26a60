"""What a policy pack says of gate rows, rule by rule, once more."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from restated.statistics import BETTER, METRICS, Estimate, claim, estimated, interval, worst_case

Numbers = dict[str, Any]


def pack(path: Path) -> tuple[float, list[Numbers]]:
    """Return alpha and the rules of a policy pack, read line by line."""
    alpha, rules = 0.05, []
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.match(r"( *)(- )?(\w+): *([^#]*)", line)
        if not found:
            continue
        _, item, name, text = found.groups()
        value = float(text) if re.fullmatch(r"-?[\d.]+ *", text) else text.strip()
        if name == "alpha":
            alpha = float(text)
        elif item:
            rules.append({name: value})
        elif rules:
            rules[-1][name] = value
    return alpha, rules


class Rows(NamedTuple):
    """The labelled gate rows, and all of them."""

    frame: pl.DataFrame
    everything: pl.DataFrame
    roles: tuple[str, ...]

    def column(self, name: str) -> np.ndarray:
        return self.frame[name].to_numpy()

    def one(self, metric: str, role: str) -> Estimate:
        value, moved = METRICS[metric](self.column("label"), self.column(role).astype(np.float64))
        return estimated(value, moved, self.column("cluster"))

    def delta(self, metric: str, other: str) -> Estimate:
        sides = [
            METRICS[metric](self.column("label"), self.column(role).astype(np.float64)) for role in ("candidate", other)
        ]
        return estimated(sides[0][0] - sides[1][0], sides[0][1] - sides[1][1], self.column("cluster"))

    def where(self, group: str) -> "Rows":
        chosen = self.frame
        for part in group.split(", "):
            column, _, value = part.partition("=")
            chosen = chosen.filter(pl.col(f"slice.{column}") == value)
        return self._replace(frame=chosen)


def calibration(rows: Rows, role: str) -> tuple[Estimate, float]:
    label, score = rows.column("label"), rows.column(role).astype(np.float64)
    gap = label - score
    ordered = np.array_split(np.argsort(score, kind="stable"), min(10, len(score)))
    error = sum(abs(float(label[part].mean() - score[part].mean())) * len(part) for part in ordered) / len(score)
    return estimated(float(gap.mean()), gap - gap.mean(), rows.column("cluster")), error


def outcome(rule: Numbers, rows: Rows, told: Numbers, alpha: float, gap: timedelta) -> str:  # noqa: C901, PLR0912
    """Return one rule's answer, from the rows; `told` is the evaluation, for what rows cannot say."""
    metric, kind = rule.get("metric", "auc"), rule["rule"]
    better = BETTER[metric]
    against = rule.get("against", "champion") if kind in {"gain", "non_inferior", "slices"} else "baseline"
    if against not in rows.roles:
        return "pass"
    match kind:
        case "enough":
            rarer = min(int((rows.column("label") == value).sum()) for value in (0, 1))
            days = len(np.unique(rows.column("cluster")))
            enough = (
                rows.frame.height >= rule["rows"] and days >= rule["clusters"] and rarer >= rule.get("per_class", 0)
            )
            return "pass" if enough else "inconclusive"
        case "overlap":
            ends = [seen(told[role]) for role in ("model", "champion") if told[role]]
            late = any(end is None or end + gap > moment(told["window"]["start"]) for end in ends)
            return "inconclusive" if late or told["overlap_rows"] else "pass"
        case "fresh_champion":
            return "pass"
        case "looks":
            return "pass" if told["look"] <= rule["at_most"] else "fail"
        case "labels":
            share = 1 - rows.frame.height / rows.everything.height
            other = "champion" if "champion" in rows.roles else "baseline"
            ends = manski(rows, "auc", other) if share else (0.0, 0.0)
            return "pass" if share <= rule["share"] or min(ends) > 0 else "inconclusive"
        case "leak":
            return "pass" if all(leak["score"] < rule["limit"] for leak in told["leaks"]) else "fail"
        case "floor":
            return claim(rows.one(metric, "candidate"), rule["limit"], rule["limit"] + better * rule["detect"], alpha)
        case "baseline" | "gain":
            start = better * rule.get("more_than", 0.0)
            return claim(rows.delta(metric, against), start, start + better * rule["detect"], alpha)
        case "non_inferior":
            return claim(rows.delta(metric, against), -better * rule["margin"], 0.0, alpha)
        case "slices":
            return slices(rule, rows, told, alpha)
        case "calibrated":
            mean, error = calibration(rows, "candidate")
            low, high = interval(mean, alpha)
            outside = high < -rule["in_the_large"] or low > rule["in_the_large"]
            return "fail" if outside or error >= rule["expected_error"] else "pass"
        case "latency":
            return "pass" if told["latency"]["p99_ms"] < rule["p99_ms"] else "fail"
    raise ValueError(f"the pack has a rule {kind!r} that is not recomputed")


def slices(rule: Numbers, rows: Rows, told: Numbers, alpha: float) -> str:
    names = [one["name"] for one in told["slices"] if one["metric"] == "auc"]
    groups = [rows.where(name) for name in names]
    large = [
        group
        for group in groups
        if group.frame.height >= rule["min_rows"] and group.frame["cluster"].n_unique() >= rule["min_clusters"]
    ]
    harmed = [interval(group.delta("auc", "champion"), alpha / len(large))[1] < -rule["margin"] for group in large]
    return "fail" if any(harmed) else "pass"


def manski(rows: Rows, metric: str, other: str) -> tuple[float, float]:
    label = rows.everything["label"].fill_null(float("nan")).to_numpy()
    one, two = (rows.everything[role].to_numpy().astype(np.float64) for role in ("candidate", other))
    return worst_case(metric, label, one, two)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def seen(model: Numbers) -> datetime | None:
    ends = [moment(model[name]) for name in ("train_end", "tune_end") if model[name]]
    return max(ends, default=None)
