"""The whole ring on real flights, for three weeks of April."""

import os
import subprocess
import sys

import pytest

from ring.replayed import ROOT, Demo, play

FLIGHTS = ROOT / "examples" / "flights" / "service.yaml"


@pytest.fixture(scope="module")
def april(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return three weeks of April, told once."""
    return play(tmp_path_factory.mktemp("april"), "--until", "2013-04-22")


@pytest.mark.xdist_group("april")
def test_a_first_model_goes_live_and_answers_every_request(april: Demo) -> None:
    """From rows to a live tag; 18,000 flights over HTTP, none failed."""
    requests = april.told()["requests"]

    assert [1] == [each["pull_request"] for each in april.told()["promotions"]]
    assert requests["rows"] > 18_000
    assert (0, 0) == (requests["failed_outside_fault"], requests["failed_in_fault"])
    assert "tag: live/prod/flights/1" in april.told()["git_log"]


@pytest.mark.xdist_group("april")
def test_why_answers_from_git_alone(april: Demo) -> None:
    """Which model is live, who merged it, and the verdict that let it in."""
    environment = {**os.environ, "HEADGATE_WORKSPACE": str(april.workspace), "HEADGATE_SERVICE": str(FLIGHTS)}
    command = [sys.executable, "-m", "headgate", "why", "flights"]
    why = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)

    assert april.told()["promotions"][0]["model"][:12] in why.stdout
    assert "reviewer" in why.stdout
