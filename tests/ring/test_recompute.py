"""What the gate says can be computed again from the stored predictions, and a number that was changed is found."""

import ast
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ring.replayed import RECOMPUTE, Demo, recompute

pytestmark = pytest.mark.xdist_group("demo")

DIFFER = 1
"""The script's exit code where record and recomputation differ."""


@pytest.fixture
def copy(demo: Demo, tmp_path: Path) -> Path:
    """Return the demo's workspace with records and predictions that may be spoiled."""
    for one in demo.workspace.iterdir():
        (tmp_path / one.name).symlink_to(one)
    for name in ("runs", "store"):
        (tmp_path / name).unlink()
        shutil.copytree(demo.workspace / name, tmp_path / name)
    return tmp_path


def second(workspace: Path) -> Path:
    """Return the folder of the run that judged a candidate beside a champion."""
    (found,) = [path.parent for path in workspace.glob("runs/*/gate.json") if path.parent.name != "first"]
    return found


def change(path: Path, edit: Callable[[Any], None]) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    edit(record)
    path.write_text(json.dumps(record, indent=2), encoding="utf-8")


def error_of_gain(evaluation: Any) -> None:
    evaluation["comparisons"][0]["delta"]["standard_error"] *= 1 + 1e-8


def a_slice(evaluation: Any) -> None:
    evaluation["slices"][-1]["delta"]["value"] += 1e-6


def outcome(verdict: Any) -> None:
    verdict["outcome"] = "pass"


def days(verdict: Any) -> None:
    next(found for found in verdict["findings"] if found["rule"] == "gain auc")["days_needed"] += 1


TAMPERED = {
    "clustered error": ("evaluate.json", error_of_gain, "comparisons / auc champion / delta / standard_error"),
    "slice": ("evaluate.json", a_slice, "delta / value"),
    "outcome": ("gate.json", outcome, "verdict / outcome: recorded 'pass', recomputed 'inconclusive'"),
    "days": ("gate.json", days, "findings / gain auc / days_needed"),
}
"""What was changed → the record, how, and what the script says of it."""


def test_the_script_imports_nothing_of_headgate() -> None:
    """Own code from the formulas, or agreement would mean nothing."""
    files = [RECOMPUTE, *(RECOMPUTE.parent / "recomputing").glob("*.py")]

    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}

    found = {name.partition(".")[0] for name in named} - sys.stdlib_module_names
    assert found == {"numpy", "polars", "yaml", "recomputing"}


def test_every_verdict_is_what_its_stored_predictions_say(demo: Demo) -> None:
    """Values, errors, intervals, slices, worst cases, findings, policy, and the months of demo.json."""
    outcomes = [verdict["outcome"] for verdict in demo.told()["verdicts"]]

    done = recompute(demo.workspace, demo.story)

    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert 2 == len(outcomes), outcomes


@pytest.mark.parametrize("case", TAMPERED)
def test_a_record_that_was_changed_is_found(copy: Path, case: str) -> None:
    """The script can fail: one number of one record is enough, and it is named."""
    record, edit, said = TAMPERED[case]
    change(second(copy) / record, edit)

    done = recompute(copy)

    assert DIFFER == done.returncode, done.stdout + done.stderr
    assert said in done.stdout


def test_a_prediction_that_was_changed_is_found(copy: Path) -> None:
    """Also where it moves nothing but the digest and the last digits."""
    evaluation = json.loads((second(copy) / "evaluate.json").read_text(encoding="utf-8"))
    path = copy / "store" / evaluation["predictions_uri"]
    stored = pl.read_parquet(path)
    stored.with_columns(candidate=pl.col("candidate") + (pl.int_range(pl.len()) == 0) * 0.01).write_parquet(path)

    done = recompute(copy)

    assert DIFFER == done.returncode, done.stdout + done.stderr
    assert "predictions' digest" in done.stdout
    assert "metrics / auc candidate / value" in done.stdout


def test_a_month_that_was_changed_is_found(demo: Demo, tmp_path: Path) -> None:
    """demo.json is held to the logged answers."""
    story = demo.told()
    story["auc"]["ring"]["2013-06"] += 0.0001
    changed = tmp_path / "demo.json"
    changed.write_text(json.dumps(story), encoding="utf-8")

    done = recompute(demo.workspace, changed)

    assert DIFFER == done.returncode, done.stdout + done.stderr
    assert "demo.json / auc / ring / 2013-06" in done.stdout
