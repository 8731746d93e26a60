"""The questions as Prometheus itself works them out: on real series, by promtool."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.chart.rendering import objects, one

pytestmark = pytest.mark.timeout(900)  # the first test may have to build Helm

CANARY, STABLE = "6c9f", "5d8b"
Series = list[dict[str, str]]
ENOUGH = '{enough="yes"}'
"""The label of a count's second value, which says that there were enough requests."""


def pod(hash_: str, good: int, bad: int = 0, slow: int = 0, *, name: str = "a", namespace: str = "models") -> Series:
    """Return what one pod's server counts."""
    own = f'service="flights",namespace="{namespace}",rollouts_pod_template_hash="{hash_}",pod="{name}"'
    counts = {
        f'headgate_requests_total{{{own},code="200"}}': good,
        f"headgate_request_seconds_count{{{own}}}": good + bad,
        f'headgate_request_seconds_bucket{{{own},le="0.05"}}': good + bad - slow,
    }
    if bad:
        counts[f'headgate_requests_total{{{own},code="500"}}'] = bad
    return [{"series": series, "values": str(value)} for series, value in counts.items()]


CASES: dict[str, tuple[Series, dict[str, dict[str, float]]]] = {
    "no data: no answer, and nothing to compare with": (
        [],
        {"errors": {}, "p99": {}, "errors-bad": {}, "stable-requests": {"{}": 0}},
    ),
    "good": (
        [*pod(CANARY, 1000, slow=2), *pod(STABLE, 9000, 1000)],
        {
            "errors": {"{}": -1},
            "p99": {"{}": -1},
            "errors-bad": {"{}": 0, ENOUGH: 0},
            "p99-bad": {"{}": 2, ENOUGH: 2},
            "errors-stable": {"{}": 0.1, ENOUGH: 0.1},
            "stable-requests": {"{}": 10_000, ENOUGH: 10_000},
        },
    ),
    "too few": (
        pod(CANARY, 20),
        {"errors": {"{}": 0}, "p99": {"{}": 0}, "errors-requests": {"{}": 20}, "stable-requests": {"{}": 0}},
    ),
    "bad": (pod(CANARY, 100, 100), {"errors": {"{}": 1}, "p99": {"{}": -1}, "errors-bad": {"{}": 100, ENOUGH: 100}}),
    "slow, over two pods": (
        [*pod(CANARY, 100, slow=60), *pod(CANARY, 50, slow=20, name="b")],
        {"errors": {"{}": -1}, "p99": {"{}": 1}, "p99-requests": {"{}": 150, ENOUGH: 150}},
    ),
    "bad in another namespace, with the same hash": (
        pod(CANARY, 100, 100, namespace="elsewhere"),
        {"errors": {}, "errors-requests": {}},
    ),
}


def asked(name: str) -> str:
    metrics = one(objects("kserve-traefik"), "AnalysisTemplate", "flights-step")["spec"]["metrics"]
    (query,) = [metric["provider"]["prometheus"]["query"] for metric in metrics if metric["name"] == name]
    text: str = query.replace("{{args.hash}}", CANARY).replace("{{args.stable}}", STABLE)
    return text


@pytest.mark.parametrize("case", CASES)
def test_prometheus_answers_a_question(case: str, tmp_path: Path) -> None:
    """1 fails, -1 passes, 0 and no data are inconclusive."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool")
    series, expected = CASES[case]
    tests: list[dict[str, Any]] = [
        {"expr": asked(name), "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()]}
        for name, samples in expected.items()
    ]
    document = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(document))

    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "tests.yaml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
