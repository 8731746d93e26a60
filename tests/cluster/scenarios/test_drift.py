"""Shifted traffic becomes one retraining by Prometheus and Alertmanager, however often and oddly they tell it."""

import secrets
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.scenarios.ring.canaries import answers_of
from cluster.scenarios.ring.install import Installed
from cluster.scenarios.ring.measuring import WEEK, Deliveries, Measured, measured_service, phase, source
from cluster.scenarios.ring.small import Small
from cluster.scenarios.ring.waiting import wait
from headgate.records.codec import decode
from headgate.records.live import Trigger
from headgate.specs.environment import Version
from headgate.specs.reading import parse

BEGIN = datetime(2020, 3, 26, tzinfo=UTC)
SHIFT = 4.0
LEAST_DELIVERIES = 3


@pytest.mark.timeout(1800)
def test_drift_starts_one_run_however_often_it_is_told(
    ring: Installed, tmp_path: Path, measured: dict[str, object]
) -> None:
    """Three deliveries, a later window and a killed Alertmanager between: one run, its second attempt, one proposal."""
    own = Small(ring, f"gauges-{secrets.token_hex(2)}", tmp_path / "gauges")
    with measured_service(own, tmp_path / "env") as service:
        assert service.report(service.begin()).outcome == "insufficient_data"
        told = Deliveries(ring)

        first = signalled(service, measured)
        key = str(first["metadata"]["labels"]["headgate.dev/key"])
        trigger = decode(first["metadata"]["annotations"]["headgate.dev/trigger"].encode(), Trigger)
        again = retried(service, told, first)
        [name, second] = [str(one["metadata"]["name"]) for one in service.training()]
        held = service.answer(f'sum(headgate_trigger_total{{service="{own.name}",decision="cooldown"}})')
        deliveries = told.count()
        version = replaced(service, told, tmp_path / "env")
        measured |= {"deliveries": deliveries, "runs": 1, "attempts": 2}

        assert (name, second) == (f"ct-{own.name}-{key}", f"ct-{own.name}-{key}-2")
        assert (trigger.cause, trigger.window.end) == ("drift", BEGIN + 2 * WEEK)
        assert parameters(again)["gate-from"] == (BEGIN + 2 * WEEK).isoformat()
        assert deliveries >= LEAST_DELIVERIES
        assert held
        assert (version.cause.cause, version.cause.trigger) == ("drift", key)
        assert len(service.training()) == 2


def signalled(service: Measured, measured: dict[str, object]) -> dict[str, Any]:
    """Send two weeks of shifted traffic, have them measured, and return the run that the alert started."""
    own, began = service.own, time.time()
    sent = sum(service.ask(BEGIN + number * WEEK, SHIFT) for number in range(2))
    wait(lambda: service.logged() == sent, f"{sent} answers in the store", 60, service.look)
    shipped = time.time()
    report = service.report(service.begin())
    source(service.ring, away=True)
    signal = f'max(headgate_signal{{service="{own.name}",cause="drift"}})'
    wait(lambda: service.answer(signal) == 1.0, "the signal", 60, service.look)
    signalled = time.time()
    firing = f'ALERTS{{service="{own.name}",severity="signal",alertstate="firing"}}'  # shifted rows tell of both causes
    since = f"min(min_over_time(timestamp({firing})[10m:1s]))"
    fired = wait(lambda: service.answer(since), "the alert", 120, service.look)
    [first] = wait(service.training, "a run", 60, service.look)
    measured |= {
        "traffic_to_store_seconds": round(shipped - began, 1),
        "store_to_signal_seconds": round(signalled - shipped, 1),
        "signal_to_alert_seconds": round(fired - signalled, 1),
        "alert_to_run_seconds": round(created(first) - fired, 1),
    }
    assert report.outcome == "drifted"
    assert report.window.end == BEGIN + 2 * WEEK
    assert created(first) > fired - 1, "no run before the alert; the API knows whole seconds"
    return dict(first)


def retried(service: Measured, told: Deliveries, first: dict[str, Any]) -> dict[str, Any]:
    """Kill Alertmanager while the run fails, let a later window drift too, and return the attempt that ended well."""
    name = str(first["metadata"]["name"])
    wait(lambda: told.count() >= 1, "the first delivery", 30, service.look)
    told.killed()
    wait(lambda: phase(service.ring, name) == "Failed", "the run to fail: its source is away", 120, service.look)
    source(service.ring, away=False)
    service.ask(BEGIN + 2 * WEEK, SHIFT)
    wait(lambda: service.logged() == 21, "the third week in the store", 60, service.look)
    later = service.begin()
    wait(lambda: len(service.training()) == 2, "the next attempt", 180, service.look)
    assert service.report(later).window.end == BEGIN + 3 * WEEK
    wait(lambda: phase(service.ring, f"{name}-2") == "Succeeded", "the next attempt to succeed", 300, service.look)
    held = f'sum(headgate_trigger_total{{service="{service.own.name}",decision="cooldown"}})'
    wait(lambda: service.answer(held), "the cooldown to hold the later window", 60, service.look)
    return service.training()[-1]


def replaced(service: Measured, told: Deliveries, env: Path) -> Version:
    """Merge what was proposed, wait until the signal is over and Alertmanager has told that too."""
    own, gitea = service.own, service.ring.gitea
    pull = wait(service.proposal, "the proposal", 30, service.look)
    with answers_of(own).flowing():
        gitea.merge("env", pull["number"])
        wait(
            lambda: own.is_live(2), "the retrained model to be live", 180, partial(service.ring.cluster.look, own.space)
        )
    last = told.count()

    def resolved() -> bool:
        nonlocal last
        active, count = told.active(own.name), told.count()
        last = count if active else last
        return not active and count > last

    wait(resolved, "the resolved alert to be told", 60, service.look)
    path = gitea.checkout("env", env) / "env" / own.environment / own.name / "version.yaml"
    return parse(path.read_text(), Version, path.name)


def created(workflow: dict[str, Any]) -> float:
    """Return when it was."""
    return datetime.fromisoformat(workflow["metadata"]["creationTimestamp"]).timestamp()


def parameters(workflow: dict[str, Any]) -> dict[str, str]:
    """Return what a Workflow was given."""
    return {one["name"]: one.get("value", "") for one in workflow["spec"]["arguments"]["parameters"]}
