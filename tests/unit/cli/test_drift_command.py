"""`headgate drift`: the windows that decisions count, each measured; where there is none, a record says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from headgate.adapters.answers import Shipping, place
from headgate.adapters.files import FileStore
from headgate.cli.observations import of, windows
from headgate.cli.wiring import Project, open_project
from headgate.contract.times import in_utc
from headgate.names import Digest
from headgate.records.live import DriftReport
from headgate.serve.logs.segment import Segment
from unit.cli.terminal import Terminal, orders

THURSDAY = datetime(2013, 4, 4, tzinfo=UTC)
WEEK = timedelta(days=7)
OTHER = Digest("f" * 64)


class Week:
    """A project whose windows are weeks, and the log of its servers."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        spec = terminal.folder / "service.yaml"
        spec.write_text(spec.read_text() + "\ndrift: {window: P7D, min_rows: 50}\n")

    @property
    def project(self) -> Project:
        return open_project(self.terminal.folder / "service.yaml", None)

    @property
    def champion(self) -> Digest:
        champion = self.project.live(None).champion
        assert champion is not None
        return champion.sha256

    @property
    def log(self) -> Path:
        return self.project.predictions("prod")

    def answer(self, begin: datetime, model: Digest | None = None, shift: float = 0.0) -> None:
        """Log what a model answered in the middle of a week."""
        rows, at = orders(120, seed=begin.day).drop("late"), begin + timedelta(days=3)
        segment = Segment(
            service=self.project.spec.service,
            model=model or self.champion,
            task="binary",
            classes=(),
            time=None,
            id=(),
            columns={"weight": "number", "distance": "number", "carrier": "string"},
        )
        columns = {"weight": (rows["weight"] + shift).to_list(), "distance": rows["distance"].to_list()}
        line = {
            "at": int(at.timestamp() * 1_000_000),
            "scores": [0.5] * rows.height,
            "inputs": columns | {"carrier": rows["carrier"].to_list()},
        }
        file = self.log / f"{at:%Y-%m-%d}" / f"{segment.model[:12]}-1.jsonl"
        file.parent.mkdir(parents=True)
        file.write_bytes(msgspec.json.encode(segment) + b"\n" + msgspec.json.encode(line) + b"\n")

    def report(self, as_of: datetime) -> DriftReport:
        """Type the command; return the record it left."""
        said = self.terminal("drift", "--as-of", as_of.isoformat(), "--output", "json")
        assert said.code == 0, said.err
        return msgspec.json.decode(said.out, type=DriftReport)

    @property
    def measured(self) -> list[datetime]:
        """The ends of the windows that are kept."""
        return sorted(windows(self.project, "prod", self.champion))


@pytest.fixture
def week(live: Terminal) -> Week:
    return Week(live)


def test_before_anything_was_asked_there_is_a_record(week: Week) -> None:
    """A schedule that begins with its service shows no failed runs for it."""
    report, said = week.report(THURSDAY + WEEK), week.terminal("drift")

    assert (report.outcome, report.rows, report.rows_needed) == ("insufficient_data", 0, 50)
    assert (in_utc(report.window.start), in_utc(report.window.end)) == (THURSDAY, THURSDAY + WEEK)
    assert {column.outcome for column in report.columns} == {"insufficient_data"}
    assert week.measured == []
    assert said.code == 0
    assert "INSUFFICIENT DATA" in said.out


def test_a_week_that_is_not_over_is_not_measured(week: Week) -> None:
    """Its other answers come yet."""
    week.answer(THURSDAY)

    report = week.report(THURSDAY + WEEK - timedelta(minutes=1))

    assert report.outcome == "insufficient_data"
    assert week.measured == []


def test_answers_of_another_model_say_nothing_of_the_champion(week: Week) -> None:
    """They were somebody else's."""
    week.answer(THURSDAY, OTHER)

    report = week.report(THURSDAY + WEEK)

    assert (report.outcome, in_utc(report.window.end)) == ("insufficient_data", THURSDAY + WEEK)
    assert week.measured == []


def test_a_week_nobody_measured_is_measured_later(week: Week) -> None:
    """Decisions count windows: an outage of the schedule must not lose one; the record is the newest's."""
    for number in range(2):
        week.answer(THURSDAY + number * WEEK, shift=5.0)

    first = week.report(THURSDAY + 2 * WEEK)
    again = week.report(THURSDAY + 2 * WEEK)

    assert first == again
    assert (first.outcome, in_utc(first.window.end), first.rows) == ("drifted", THURSDAY + 2 * WEEK, 120)
    assert week.measured == [THURSDAY + WEEK, THURSDAY + 2 * WEEK]


def test_weeks_that_no_decision_counts_are_left(week: Week) -> None:
    """Two of the last three: a year of answers is not read for them."""
    for number in (0, 10):
        week.answer(THURSDAY + number * WEEK)

    week.report(THURSDAY + 11 * WEEK)

    assert week.measured == [THURSDAY + 11 * WEEK]


def test_the_last_week_with_answers_counts_however_long_ago(week: Week) -> None:
    """A past year that is replayed is measured as of today."""
    week.answer(THURSDAY)

    report = week.report(THURSDAY + 600 * WEEK)

    assert report.rows == 120
    assert week.measured == [THURSDAY + WEEK]


def test_answers_come_from_the_store_of_a_cluster(week: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step's pod has none of its own; of another month's nothing is brought."""
    week.answer(THURSDAY)
    week.answer(THURSDAY - 20 * WEEK)
    project = week.project
    store = FileStore(project.workspace.store)
    Shipping(store, week.log, place("prod", "orders")).ship()
    sent = week.log.rename(week.terminal.folder / "elsewhere")
    monkeypatch.setenv("HEADGATE_STORE", f"file://{project.workspace.store}")
    monkeypatch.setattr("headgate.adapters.s3.open_store", lambda *_: store)

    report = week.report(THURSDAY + WEEK)

    assert report.rows == 120
    assert [path.name for path in week.log.iterdir()] == ["2013-04-07"]
    assert sorted(path.name for path in sent.iterdir()) == ["2012-11-18", "2013-04-07"]


def test_a_source_without_labels_hides_no_drift(week: Week) -> None:
    """None of the window has come yet: its rows are measured all the same."""
    week.answer(THURSDAY, shift=5.0)
    orders().head(0).write_csv(week.terminal.folder / "orders.csv")

    report = week.report(THURSDAY + WEEK)
    (kept,) = of(week.project, "prod", week.champion)

    assert (report.outcome, report.rows) == ("drifted", 120)
    assert (kept.labelled.labelled, kept.labelled.missing, kept.metrics) == (0, 120, ())
