"""Blue-green is a canary of one step: nearly all at once, judged, with the old version warm beside it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.canary import Sample, judge, next_move
from headgate.errors import HeadgateError
from headgate.names import Commit, Digest, Name
from headgate.ports import Count
from headgate.records.live import Analysis, Revision, Target
from headgate.specs.canary import Canary
from headgate.specs.environment import Serving
from headgate.specs.reading import parse
from unit.chart.rendering import PROFILES, edited, one, rendered

ONE_STEP = Canary(steps=(99,))
START = datetime(2024, 5, 1, tzinfo=UTC)
GOOD, BAD = Sample(canary=Count(9900, 0), stable=Count(100, 0)), Sample(canary=Count(9900, 900), stable=Count(100, 0))

FEW = Sample(canary=Count(9, 0), stable=Count(1, 0))


def analysis(errors: Sample) -> Analysis:
    return judge(
        ONE_STEP,
        {"errors": errors, "p99": GOOD},
        environment=Name("prod"),
        service=Name("flights"),
        target=Target(
            commit=Commit("a" * 40),
            revision=Revision(model=Digest("b" * 64), settings=Digest("c" * 64), chart="0.1.0/0.1.0"),
        ),
        weight=99,
        started_at=START,
        now=START + ONE_STEP.pause + timedelta(seconds=1),
    )


def test_a_step_of_all_traffic_is_refused() -> None:
    """At 100 % nothing is left to compare with; 99 is the whole move but for the comparison."""
    with pytest.raises(HeadgateError, match="<= 99"):
        parse("canary: {steps: [100]}\n", Serving, "serving.yaml")

    assert (99,) == parse("canary: {steps: [99]}\n", Serving, "serving.yaml").canary.steps


def test_one_passed_step_promotes_and_one_failed_step_goes_back() -> None:
    """As the ring on one machine decides it; what too few answers say holds it."""
    assert "promote" == next_move(analysis(GOOD), ONE_STEP, 0)
    assert "abort" == next_move(analysis(BAD), ONE_STEP, 0)
    assert "hold" == next_move(analysis(FEW), ONE_STEP, 0)


def test_the_chart_makes_one_weight_one_pause_one_analysis(tmp_path: Path) -> None:
    """And no step to 100 without one."""
    plan: dict[str, Any] = yaml.safe_load((PROFILES / "fastapi-traefik" / "serving.yaml").read_text())["canary"]
    profile = edited(tmp_path, "fastapi-traefik", {"serving.yaml": {"canary": {**plan, "steps": [99]}}})

    steps = one(rendered(profile), "Rollout")["spec"]["strategy"]["canary"]["steps"]

    assert [{"setWeight": 99}] == [step for step in steps if "setWeight" in step]
    assert ["setWeight", "pause", "analysis"] == [next(iter(step)) for step in steps]
