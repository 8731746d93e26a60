"""Event time may lie far behind: a past year that is replayed, a window that an outage left behind."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from headgate.receive.runs import KEPT
from unit.receive.station import SERVICE, Station, firing
from unit.receive.world import START, room

LONG_AGO = START - timedelta(days=2000)
TIMED = SERVICE.replace("{reader: rows.csv,", "{reader: rows.csv, time: at,") + "split: {gate: P21D}\n"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """Give a station for a service with event time."""
    with room(tmp_path) as folder:
        made = Station(folder, TIMED)
        with made.open:
            yield made


def test_a_window_of_the_past_starts_its_run(station: Station) -> None:
    """Its gate rows are those after it, and have long matured."""
    answer = station.alert(firing(LONG_AGO)).json()["services"]
    again = station.alert(firing(LONG_AGO)).json()["services"]

    (order,) = station.world.cluster.orders
    assert [one["decision"] for one in (*answer, *again)] == ["started", "known"]
    assert order.parameters["gate-from"] == LONG_AGO.isoformat()
    assert order.parameters["as-of"] == (LONG_AGO + timedelta(days=21)).isoformat()


def test_a_run_whose_workflow_was_cleaned_up_is_not_started_again(station: Station) -> None:
    """The trigger is kept for ever, its Workflow for thirty days."""
    station.alert(firing(LONG_AGO))
    station.world.cluster.ran.clear()
    station.world.cluster.orders.clear()
    station.world.later(days=KEPT.days)

    answer = station.alert(firing(LONG_AGO)).json()["services"]

    assert [one["decision"] for one in answer] == ["known"]
    assert station.world.cluster.orders == []
