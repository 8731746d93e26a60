"""The whole ring on real flights: short in `make test`, a year from three starts in `make test-full`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
RECOMPUTE = ROOT / "tests" / "ring" / "recompute.py"
FLIGHTS = ROOT / "examples" / "flights" / "service.yaml"


class Told(NamedTuple):
    """A demo that was played."""

    workspace: Path
    path: Path
    story: dict[str, Any]


def play(folder: Path, *arguments: str) -> Told:
    """Play the demo in a folder of its own."""
    workspace, out = folder / "workspace", folder / "demo.json"
    command = [sys.executable, "-m", "headgate", "demo", "--service", str(FLIGHTS), *arguments]
    command += ["--workspace", str(workspace), "--out", str(out)]
    played = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert played.returncode == 0, played.stdout[-3000:] + played.stderr[-3000:]
    return Told(workspace, out, json.loads(out.read_text(encoding="utf-8")))


def recompute(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(RECOMPUTE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def april(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return three weeks of April, told once."""
    return play(tmp_path_factory.mktemp("april"), "--until", "2013-04-22")


@pytest.mark.xdist_group("april")
def test_a_first_model_goes_live_and_answers_every_request(april: Told) -> None:
    """From rows to a live tag; 18,000 flights over HTTP, none failed."""
    requests = april.story["requests"]

    assert [1] == [each["pull_request"] for each in april.story["promotions"]]
    assert requests["rows"] > 18_000
    assert (0, 0) == (requests["failed_outside_fault"], requests["failed_in_fault"])
    assert "tag: live/prod/flights/1" in april.story["git_log"]


@pytest.mark.xdist_group("april")
def test_why_answers_from_git_alone(april: Told) -> None:
    """Which model is live, who merged it, and the verdict that let it in."""
    environment = {**os.environ, "HEADGATE_WORKSPACE": str(april.workspace), "HEADGATE_SERVICE": str(FLIGHTS)}
    command = [sys.executable, "-m", "headgate", "why", "flights"]
    why = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)

    assert april.story["promotions"][0]["model"][:12] in why.stdout
    assert "reviewer" in why.stdout


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("live_from", ["2013-04-01", "2013-05-01", "2013-06-01"])
def test_a_year_from_any_start_is_told_without_a_failed_request(
    live_from: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is promoted or refused is whatever the policy says: it is reported, and recomputed."""
    told = play(tmp_path, "--live-from", live_from)
    done = recompute(told.workspace, told.path)

    with capsys.disabled():
        sys.stdout.write(report(live_from, told.story) + done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert told.story["requests"]["failed_outside_fault"] == 0
    assert told.story["requests"]["rows"] > 40_000


def report(live_from: str, story: dict[str, Any]) -> str:
    lines = [f"\nlive from {live_from}:"]
    lines += [
        f"  promoted #{one['pull_request']} {one['model'][:12]} live {one['live_at']}" for one in story["promotions"]
    ]
    lines += [f"  {one['outcome']} {one['what']} by {one['by']}: {one['reason'][:160]}" for one in story["refusals"]]
    ring, frozen = story["auc"]["ring"], story["auc"]["frozen"]
    lines += [f"  {month}  ring {ring[month]:.3f}  frozen {frozen[month]:.3f}" for month in sorted(ring)]
    return "\n".join(lines) + "\n"
