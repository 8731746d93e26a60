"""Recompute, from stored predictions and logged answers, every number and verdict of a demo; exit 1 on a difference.

    python tests/ring/recompute.py WORKSPACE [demo.json]

It shares no code with what it checks: numpy and polars read the files, `restated` has the statistics once more.
Taken as given, because predictions cannot say them: latency, leaks, ids in common, the number of the look.
"""

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from restated.answers import IDS, answers, flown
from restated.policy import Numbers, Rows, calibration, manski, outcome, pack
from restated.statistics import METRICS, Estimate, auc, interval

ROOT = Path(__file__).parents[2]
CLOSE = 1e-9
ROLES = ("candidate", "champion", "anchor", "baseline")


def differs(what: str, told: Any, found: Any) -> Iterator[str]:
    """Yield a line when two values are not the same, numbers up to rounding."""
    if isinstance(told, float | int) and isinstance(found, float | int) and not isinstance(told, bool):
        if not math.isclose(told, found, rel_tol=1e-7, abs_tol=CLOSE):
            yield f"{what}: told {told!r}, found {found!r}"
    elif told != found:
        yield f"{what}: told {told!r}, found {found!r}"


def estimate_differs(what: str, told: Numbers, found: Estimate) -> Iterator[str]:
    names = ("value", "standard_error", "rows", "clusters", "freedom")
    for name, number in zip(names, found, strict=True):
        yield from differs(f"{what} {name}", told[name], number)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_verdict(store: Path, verdict: Numbers, policy: Path, gap: timedelta) -> Iterator[str]:
    """Yield every difference between a verdict, its evidence, and what the stored predictions say."""
    evidence = store / "evidence" / f"{verdict['evaluation']}.json"
    yield from differs("digest of the evidence", verdict["evaluation"], digest(evidence))
    told = json.loads(evidence.read_text(encoding="utf-8"))
    predictions = store / told["predictions_uri"]
    yield from differs("digest of the predictions", told["predictions_sha256"], digest(predictions))
    everything = pl.read_parquet(predictions)
    roles = tuple(role for role in ROLES if role in everything.columns)
    rows = Rows(everything.filter(pl.col("label").is_not_null()), everything, roles)
    yield from differs("rows", told["rows"], rows.frame.height)
    yield from differs("labels missing", told["labels_missing"], everything.height - rows.frame.height)
    yield from check_measured(told, rows)
    alpha, rules = pack(policy)
    level = alpha * 0.75 * 0.25 ** (told["look"] - 1)
    yield from differs("alpha", verdict["alpha"], level)
    yield from check_findings(verdict, told, rows, rules=rules, alpha=level, gap=gap)


def check_measured(told: Numbers, rows: Rows) -> Iterator[str]:
    """Yield the differences of metrics, comparisons, slices and calibration."""
    for one in told["metrics"]:
        yield from estimate_differs(
            f"{one['metric']} of {one['role']}", one["estimate"], rows.one(one["metric"], one["role"])
        )
    for one in told["comparisons"]:
        what = f"{one['metric']} against {one['against']}"
        yield from estimate_differs(what, one["delta"], rows.delta(one["metric"], one["against"]))
        if one["worst_case"]:
            for end, mine in zip(one["worst_case"], manski(rows, one["metric"], one["against"]), strict=True):
                yield from differs(f"{what} worst case", end, mine)
    for one in told["slices"]:
        group = rows.where(one["name"])
        yield from differs(f"{one['name']} rows", one["rows"], group.frame.height)
        if one["candidate"] is not None:
            yield from differs(
                f"{one['name']} {one['metric']}",
                one["candidate"],
                METRICS[one["metric"]](group.column("label"), group.column("candidate").astype(np.float64))[0],
            )
        if one["delta"]:
            yield from estimate_differs(
                f"{one['name']} {one['metric']} delta", one["delta"], group.delta(one["metric"], "champion")
            )
    for one in told["calibration"]:
        mean, error = calibration(rows, one["role"])
        yield from estimate_differs(f"calibration of {one['role']}", one["in_the_large"], mean)
        yield from differs(f"calibration error of {one['role']}", one["expected_error"], error)


def check_findings(
    verdict: Numbers, told: Numbers, rows: Rows, *, rules: list[Numbers], alpha: float, gap: timedelta
) -> Iterator[str]:
    """Yield the differences of each finding, of the intervals it shows, and of the verdict."""
    yield from differs("number of findings", len(verdict["findings"]), len(rules))
    answers = []
    for finding, rule in zip(verdict["findings"], rules, strict=False):
        answer = outcome(rule, rows, told, alpha, gap)
        answers.append("pass" if rule.get("severity") == "warning" else answer)
        yield from differs(f"rule {finding['rule']!r}", finding["outcome"], answer)
        yield from differs(f"rule {finding['rule']!r} is", finding["rule"].split()[0], rule["rule"])
        for number in finding["numbers"]:
            if number["label"] == "delta":
                metric = rule.get("metric", "auc")
                other = "baseline" if rule["rule"] == "baseline" else rule.get("against", "champion")
                ends = interval(rows.delta(metric, other), alpha)
                yield from differs(f"rule {finding['rule']!r} low", number["low"], ends[0])
                yield from differs(f"rule {finding['rule']!r} high", number["high"], ends[1])
    worst = next((name for name in ("fail", "inconclusive") if name in answers), "pass")
    yield from differs("verdict", verdict["outcome"], worst)


def check_months(workspace: Path, told: Numbers) -> Iterator[str]:
    """Yield the differences of the months' AUC of the ring's and the frozen model's answers."""
    ring = answers(workspace / "predictions" / told["environment"] / told["service"], IDS)
    frozen = answers(workspace / "frozen" / "predictions", IDS)
    both = ring.join(frozen.select(*IDS, frozen="score"), on=IDS).join(flown(), on=IDS)
    for month, found in sorted(told["rows_by_month"].items()):
        rows = both.filter(pl.col("month") == month)
        yield from differs(f"rows of {month}", found, rows.height)
        for arm, column in (("ring", "score"), ("frozen", "frozen")):
            mine = auc(rows["late"].cast(pl.Float64).to_numpy(), rows[column].to_numpy())[0]
            yield from differs(f"{arm} AUC of {month}", told["auc"][arm][month], round(mine, 4))


def main() -> int:
    """Compare all, print the differences, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("story", type=Path, nargs="?")
    parser.add_argument("--pack", type=Path, default=ROOT / "src/headgate/gate/packs/balanced.yaml")
    parser.add_argument("--gap-days", type=float, default=1.0)
    given = parser.parse_args()
    lines, verdicts = [], {}
    for path in sorted([*given.workspace.glob("runs/*/gate.json"), *given.workspace.glob("latest/verdict.json")]):
        verdict = json.loads(path.read_text(encoding="utf-8"))
        verdicts[verdict["evaluation"]] = verdict
    for verdict in verdicts.values():
        found = list(check_verdict(given.workspace / "store", verdict, given.pack, timedelta(days=given.gap_days)))
        name = f"{verdict['model']['sha256'][:12]} {verdict['outcome']}"
        sys.stdout.write(f"{name}: {len(verdict['findings'])} findings, {len(found)} differences\n")
        lines += [f"{name}: {line}" for line in found]
    if given.story:
        told = json.loads(given.story.read_text(encoding="utf-8"))
        months = list(check_months(given.workspace, told))
        sys.stdout.write(f"{len(told['auc']['ring'])} months of logged answers: {len(months)} differences\n")
        lines += months
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if not verdicts:
        sys.stdout.write(f"no verdict under {given.workspace}\n")
    return 1 if lines or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
