"""The year from three start months: what is promoted or refused is the policy's; what a ring owes holds each time."""

import sys
from pathlib import Path
from typing import Any

import pytest

from ring.replayed import play, recompute

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800), pytest.mark.xdist_group("demo")]

KEYS = {
    "hops": {"name", "event_time", "wall_seconds", "outcome", "detail"},
    "promotions": {"model", "pull_request", "verdict", "replaces"},
    "refusals": {"what", "by", "outcome", "reason"},
    "requests": {"sent", "rows", "failed_outside_fault", "failed_in_fault", "fault_from", "fault_to"},
    "split": {"weight", "measured", "requests"},
    "auc": {"ring", "frozen"},
}
"""What demo.json must hold at least; other tools read it."""
PLAIN = {"env_repo", "report", "peak_rss_mb", "seconds"}
REPLAYED_ROWS = 40_000
STEPS = (0.10, 0.25, 0.50)
"""Of each promotion but the first deploy; from some months nothing is promoted."""
STEP_REQUESTS = 1_000
SPLIT_OFF = 0.03
SPOILED_SHARE = 0.02


def missing(story: dict[str, Any]) -> list[str]:
    """Return the keys that demo.json lacks."""
    listed = {name: story.get(name) for name in KEYS}
    parts = {name: value if isinstance(value, list) else [value or {}] for name, value in listed.items()}
    lacking = [f"{name}: {key}" for name, keys in KEYS.items() for part in parts[name] for key in keys - set(part)]
    return [*sorted(PLAIN - set(story)), *sorted(KEYS.keys() - set(story)), *lacking]


def uneven(split: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the canary steps whose share was off by more than three points, or that few requests took."""
    return [
        step for step in split if abs(step["measured"] - step["weight"]) > SPLIT_OFF or step["requests"] < STEP_REQUESTS
    ]


def told(start: str, story: dict[str, Any], recomputed: str) -> str:
    """Return what happened, for a person: nobody says beforehand what it will be."""
    promoted = [f"{one['live_at'][:10]} {one['model'][:12]} {one['detail']}" for one in story["promotions"]]
    refused = [f"{one['event_time'][:10]} {one['what']} by {one['by']}: {one['reason']}" for one in story["refusals"]]
    ring, frozen = story["auc"]["ring"], story["auc"]["frozen"]
    months = [f"{month}  ring {ring[month]:.4f}  frozen {frozen[month]:.4f}" for month in sorted(ring)]
    cost = f"{story['seconds']:.0f} s, {story['peak_rss_mb']:,.0f} MB, {story['requests']['rows']:,} rows"
    return "\n".join((f"\nlive from {start}: {cost}", *promoted, *refused, *months, recomputed))


@pytest.mark.parametrize("start", ["2013-04-01", "2013-05-01", "2013-06-01"])
def test_a_ring_keeps_its_promises_whenever_it_starts(
    start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing fails outside the fault, traffic is split as asked, and every verdict can be computed again."""
    demo = play(tmp_path, "--live-from", start)

    done = recompute(demo.workspace, demo.story)

    story, counted = demo.told(), demo.told()["requests"]
    with capsys.disabled():
        sys.stdout.write(told(start, story, done.stdout))
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert [] == missing(story)
    assert 0 == counted["failed_outside_fault"]
    assert counted["rows"] >= REPLAYED_ROWS
    assert counted["fault_from"] < counted["fault_to"]
    assert counted["failed_in_fault"] + counted["spoiled_in_fault"] < SPOILED_SHARE * counted["canary_plan"]
    assert [weight for _ in story["promotions"][1:] for weight in STEPS] == [step["weight"] for step in story["split"]]
    assert [] == uneven(story["split"])
