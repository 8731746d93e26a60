"""The whole ring on real flights, for seven weeks."""

import os
import subprocess
import sys

import pytest

from ring.replayed import ROOT, Demo

pytestmark = pytest.mark.xdist_group("demo")

FLIGHTS = ROOT / "examples" / "flights" / "service.yaml"


def test_a_first_model_goes_live_and_answers_every_request(demo: Demo) -> None:
    """From rows to a live tag; 40,000 flights over HTTP, none failed."""
    requests = demo.told()["requests"]

    assert [1] == [each["pull_request"] for each in demo.told()["promotions"]]
    assert requests["rows"] > 40_000
    assert (0, 0) == (requests["failed_outside_fault"], requests["failed_in_fault"])
    assert "tag: live/prod/flights/1" in demo.told()["git_log"]


def test_why_answers_from_git_alone(demo: Demo) -> None:
    """Which model is live, who merged it, and the verdict that let it in."""
    environment = {**os.environ, "HEADGATE_WORKSPACE": str(demo.workspace), "HEADGATE_SERVICE": str(FLIGHTS)}
    command = [sys.executable, "-m", "headgate", "why", "flights"]
    why = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)

    assert demo.told()["promotions"][0]["model"][:12] in why.stdout
    assert "reviewer" in why.stdout
