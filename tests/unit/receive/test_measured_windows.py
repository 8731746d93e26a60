"""What `headgate drift` kept of the champion's last window stands at /metrics, soon; of an earlier champion nothing."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from headgate.names import Digest, Name, Uri
from headgate.receive.meters import COUNTERS, GAUGES
from headgate.records.codec import digest, encode
from headgate.records.dataset import Window
from headgate.records.live import ColumnDrift, DriftReport, LabelledWindow, Observed, Signal, WindowMetric
from unit.receive.station import Station
from unit.receive.world import START, A, B

END = START - timedelta(hours=1)
WEEK = timedelta(days=7)


def observe(station: Station, champion: Digest, weeks_ago: int = 0, *columns: str, fired: bool = True) -> None:
    """Keep what a step's pod keeps of a window."""
    window = Window(start=END - (weeks_ago + 1) * WEEK, end=END - weeks_ago * WEEK)
    about = {"service": Name("flights"), "environment": Name("prod"), "window": window}
    labelled = LabelledWindow(
        **about, model=champion, predictions=900, labelled=800, missing=100, duplicates=0, uri=Uri("w"), sha256=A
    )
    moved = {"method": "psi", "null_limit": 0.05, "effect_limit": 0.1, "rows": 900, "missing_share": 0.0}
    found = [
        ColumnDrift(**moved, column=name, distance=0.4, unseen_share=0.0, outcome="drifted")  # type: ignore[arg-type]
        for name in columns
    ]
    drift = DriftReport(**about, reference=A, rows=900, rows_needed=500, columns=tuple(found), outcome="drifted")
    signal = Signal(cause="drift", rule="drift", window=window, fired=fired, detail="temp drifted")
    auc = WindowMetric(metric="auc", value=0.6, low=0.5, high=0.7, reference=0.75)
    observed = Observed(**about, champion=champion, labelled=labelled, metrics=(auc,), signals=(signal,), drift=drift)
    station.store.put(Uri(f"observations/flights/prod/{digest(observed)}.json"), encode(observed))


def shown(station: Station) -> dict[str, float]:
    """Return the series of /metrics about windows."""
    lines = [line for line in station.client.get("/metrics").text.splitlines() if not line.startswith("#")]
    pairs = (line.rpartition(" ") for line in lines)
    wanted = ("headgate_drift", "headgate_signal", "headgate_label_metric")
    return {name: float(value) for name, _, value in pairs if name.startswith(wanted)}


def test_the_last_window_of_the_champion_is_shown(station: Station) -> None:
    """Not the one before it, and no column that only that one had."""
    observe(station, A, 1, "temp", "visib", fired=False)
    station.receiver.beat()
    observe(station, A, 0, "temp")
    station.world.later(minutes=1)
    station.receiver.beat()

    found = shown(station)

    assert [name for name in found if "visib" in name] == []
    assert [value for name, value in found.items() if 'column="temp"' in name] == [0.4, 0.1]
    assert [value for name, value in found.items() if name.startswith("headgate_signal")] == [1.0]
    assert [value for name, value in found.items() if "headgate_drift_rows" in name] == [900.0, 500.0]
    assert [value for name, value in found.items() if name.startswith("headgate_label")] == [0.6, 0.5, 0.7, 0.75]


def test_a_new_champion_is_not_told_what_the_one_before_it_was(station: Station) -> None:
    """Else an alert about a model that is gone would fire until the next window."""
    observe(station, A, 0, "temp")
    station.receiver.beat()
    before = shown(station)
    station.world.go_live(B)
    station.world.later(minutes=1)
    station.receiver.beat()

    assert before
    assert shown(station) == {}


def test_windows_are_shown_however_seldom_signals_are_weighed(station: Station) -> None:
    """Where alerts are what starts runs, they must come soon."""
    station.receiver.settings = replace(station.receiver.settings, weigh=timedelta(hours=1))
    station.receiver.beat()
    observe(station, A, 0, "temp")
    station.world.later(seconds=31)
    station.receiver.beat()

    assert shown(station)
    assert station.runs == []


@pytest.mark.parametrize("seconds", [1, 29])
def test_the_store_is_not_asked_at_every_look(station: Station, seconds: int) -> None:
    """Looks come every ten seconds, and sooner when somebody knocks."""
    station.receiver.beat()
    observe(station, A, 0, "temp")
    station.world.later(seconds=seconds)
    station.receiver.beat()

    assert shown(station) == {}


def test_no_label_is_one_that_the_scrape_sets() -> None:
    """The operator's own would hide it, and an alert would name the port instead of the door."""
    scrape = {"namespace", "pod", "container", "endpoint", "job", "instance"}

    assert [name for name, (_, labels) in (GAUGES | COUNTERS).items() if scrape & set(labels)] == []
