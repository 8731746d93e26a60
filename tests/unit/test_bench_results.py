"""Figures of a benchmark: told as they are, each benchmark in its own section."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _beside_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench` is no part of the package; `make bench-serve` runs it from the root."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])


def test_a_ratio_is_the_median_of_its_rounds() -> None:
    """One lucky round makes no figure, and a target is kept by the median."""
    from bench.results import row  # noqa: PLC0415 - found by the fixture's path

    found = row("speed", "req/s", [(10, 2), (100, 2), (9, 3)], ">= 5")

    assert (found.ratio, found.spread, found.met) == (5.0, (3.0, 50.0), True)
    assert row("speed", "req/s", [(9, 2)], ">= 5").met is False
    assert row("memory", "MB", [(40, 100)], "<= 0.4").met is True
    assert row("memory", "MB", [(41, 100)], "<= 0.4").met is False
    assert row("told", "req/s", [(1, 2)], None).met is None


def test_a_missed_target_is_shown_and_other_sections_stay(tmp_path: Path) -> None:
    """A benchmark that is run again replaces its own rows alone."""
    from bench.results import row, write  # noqa: PLC0415 - found by the fixture's path

    write("serve", "Server", [row("old", "ms", [(1, 2)], None)], ["headgate 1"], "Words.", at="abc", folder=tmp_path)
    write("drift", "Drift", [row("psi", "s", [(1, 20)], "<= 0.1")], ["evidently 1"], "More.", at="abc", folder=tmp_path)
    write("serve", "Server", [row("new", "ms", [(9, 2)], "<= 3")], ["headgate 2"], "Words.", at="abc", folder=tmp_path)

    report, rows = (tmp_path / "RESULTS.md").read_text(), json.loads((tmp_path / "results.json").read_text())
    assert [(one["section"], one["row"], one["met"]) for one in rows] == [
        ("drift", "psi", True),
        ("serve", "new", False),
    ]
    assert report.count("## Server") == report.count("## Drift") == 1
    assert "| new | 9 ms | 2 ms | **4.5x** (4.5 - 4.5) | <= 3x | **missed** |" in report
    assert "old" not in report
    assert {one["commit"] for one in rows} == {"abc"}
    assert {"machine", "versions", "ours", "peer", "ratio", "spread", "target"} <= set(rows[0])


def test_a_run_of_a_part_writes_no_figures_of_the_ring(tmp_path: Path) -> None:
    """`make e2e-smoke` and its kin leave e2e.json too; rows that it has not would be gone without a word."""
    from bench.ring import main  # noqa: PLC0415 - found by the fixture's path

    part = {"name": "bad canary", "passed": True, "measured": {"abort_to_revert_seconds": 3}}
    file = tmp_path / "e2e.json"
    file.write_text(json.dumps({"scenarios": [part], "versions": {}, "commit": "abc"}))

    with pytest.raises(SystemExit, match=r"has no .*merge_to_first_weight_seconds.* next: make e2e$"):
        main(file)
