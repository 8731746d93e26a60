"""Rules, dashboards and runbooks hold together: each name is exported by something, each alert tried both ways."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate import measures
from headgate.receive import meters

MONITORING = Path(__file__).parents[3] / "monitoring"
RULES = sorted((MONITORING / "rules").glob("*.yaml"))
TESTS = sorted((MONITORING / "tests").glob("*.yaml"))
DASHBOARDS = sorted((MONITORING / "dashboards").glob("*.json"))
RUNBOOKS = "https://headgate.dev/runbooks/"
NEEDS_PROMTOOL = "needs promtool"
SUFFIXES = ("_bucket", "_count", "_sum")


def rules() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def exported() -> set[str]:
    """Return the name of every series that servers and receiver export."""
    own = {value for value in vars(measures).values() if isinstance(value, str) and value.startswith("headgate_")}
    return own | {measures.REQUEST_SECONDS + suffix for suffix in SUFFIXES}


def named(query: str) -> set[str]:
    """Return the series a query names."""
    return set(re.findall(r"\bheadgate[_:][a-z0-9_:]+", query))


def queries() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            yield from ((f"{path.stem}: {panel['title']}", target["expr"]) for target in panel["targets"])
        for variable in board["templating"]["list"]:
            yield f"{path.stem}: ${variable['name']}", str(variable["query"])


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("promtool")
    if program is None:
        pytest.skip(NEEDS_PROMTOOL)
    command = [program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=MONITORING / "tests")


@pytest.mark.parametrize(("where", "query"), list(queries()))
def test_a_query_names_only_what_somebody_exports(where: str, query: str) -> None:
    """A name that was changed in measures.py is changed here too."""
    assert named(query) <= exported() | RECORDED, where


def test_every_recorded_series_is_read() -> None:
    """What no alert, dashboard or other rule reads is not recorded."""
    read = set().union(*(named(query) for _, query in queries()))

    assert RECORDED - read == set()


def test_the_receiver_exports_what_is_promised() -> None:
    """Each of its names is in measures.py, and each of its gauges and counters has a rule or a panel."""
    own = {*meters.GAUGES, *meters.COUNTERS}
    read = set().union(*(named(query) for _, query in queries()))

    assert own <= exported()
    assert own - read == set()


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_page_and_says_how_urgent_it_is(alert: str) -> None:
    """Who is woken finds what to do."""
    rule = ALERTS[alert]
    page = MONITORING / "runbooks" / f"{alert}.md"

    assert rule["annotations"]["runbook_url"] == RUNBOOKS + alert
    assert page.read_text().startswith(f"# {alert}\n")
    assert {"summary", "description"} <= rule["annotations"].keys()
    assert rule["labels"]["severity"] in {"page", "ticket", "signal"}


def test_every_page_is_an_alerts() -> None:
    """An alert that went takes its page along."""
    assert ALERTS.keys() == {path.stem for path in (MONITORING / "runbooks").glob("*.md")}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_tried_where_it_fires_and_where_it_must_not(alert: str) -> None:
    """The negative cases are the point: no data, too few rows, flapping."""
    cases = [
        bool(one["exp_alerts"])
        for path in TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["alertname"] == alert
    ]

    assert {True, False} == set(cases)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_they_say(path: Path) -> None:
    """By Prometheus itself."""
    done = promtool("test", "rules", path.name)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_is_broken_fails_its_tests(tmp_path: Path) -> None:
    """Drift without the check on rows would start runs for ninety rows."""
    text = (MONITORING / "rules" / "alerts.yaml").read_text()
    broken = text.replace("and on (service, environment) headgate:drift_enough_rows:bool == 1", "")
    (tmp_path / "alerts.yaml").write_text(broken)
    (tmp_path / "recording.yaml").write_text((MONITORING / "rules" / "recording.yaml").read_text())
    (tmp_path / "drift.yaml").write_text((MONITORING / "tests" / "drift.yaml").read_text().replace("../rules/", ""))

    done = promtool("test", "rules", str(tmp_path / "drift.yaml"))

    assert broken != text
    assert done.returncode != 0
    assert "too few rows to call it drift" in done.stdout + done.stderr


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported(path: Path) -> None:
    """Panels lie beside each other, each with queries, all from the chosen Prometheus."""
    board = json.loads(path.read_text())
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]

    assert board["uid"] == f"headgate-{path.stem}"
    assert len(places) == len(set(places))
    assert all(panel["targets"] for panel in board["panels"])
    assert {"${datasource}"} == {
        target["datasource"]["uid"] for panel in board["panels"] for target in panel["targets"]
    }


def test_the_alertmanager_example_wakes_the_receiver_by_signals_alone() -> None:
    """The receiver gets what it can act on; resolved ones are not sent at all."""
    config = yaml.safe_load((MONITORING / "alertmanager.yaml").read_text())
    to_us = [route for route in config["route"]["routes"] if route["receiver"] == "headgate"]
    (hook,) = next(one for one in config["receivers"] if one["name"] == "headgate")["webhook_configs"]

    assert [['severity="signal"']] == [route["matchers"] for route in to_us]
    assert (hook["send_resolved"], hook["url"].endswith("/alerts")) == (False, True)
