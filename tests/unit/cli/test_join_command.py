"""`headgate join`: every answer once, with the label that was known when its window closed, wherever it came from."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.cli.wiring import Project, open_project
from headgate.names import Digest, Name
from headgate.records.live import LabelledWindow
from headgate.serve.logs.desk import Desk
from headgate.serve.logs.label_log import LabelLog, LabelSegment
from headgate.serve.logs.segment import Segment
from unit.cli.terminal import Said, Terminal

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MAY = datetime(2024, 5, 1, tzinfo=UTC)
CLOSED = MAY + DAY + 12 * HOUR
A, B = Digest("a" * 64), Digest("b" * 64)
NUMBER = itertools.count()

SERVICE = """
service: rides
task: binary
data:
  reader: rows.csv
  time: at
  id: [rider, at]
  label: {column: late, matures_after: PT12H}
drift: {window: P1D}
"""
CONTRACT = """
columns:
  rider: {type: integer, role: id}
  at: {type: datetime, role: time}
  distance: {type: number}
  late: {type: boolean, role: label}
"""


def text(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat()


class Rides:
    """A service whose servers answer and are told labels at moments of the test's choice."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        (terminal.folder / "service.yaml").write_text(SERVICE)
        (terminal.folder / "contract.yaml").write_text(CONTRACT)
        self.source()
        assert terminal("init").code == 0

    @property
    def project(self) -> Project:
        return open_project(self.terminal.folder / "service.yaml", None)

    @property
    def log(self) -> Path:
        return self.project.predictions("prod")

    def source(self, *rows: tuple[int, datetime, bool | None]) -> None:
        """Write what the source says now."""
        kept = rows or ((0, MAY - 30 * DAY, False),)
        pl.DataFrame(
            [{"rider": rider, "at": text(at), "distance": 1.0, "late": late} for rider, at, late in kept],
            schema={"rider": pl.Int64, "at": pl.String, "distance": pl.Float64, "late": pl.Boolean},
        ).write_csv(self.terminal.folder / "rows.csv")

    def answer(self, *rows: tuple[int, datetime], model: Digest = A, at: datetime = MAY) -> None:
        """Log what a model answered, asked at one moment."""
        segment = Segment(
            service=Name("rides"),
            model=model,
            task="binary",
            classes=(),
            time="at",
            id=("rider", "at"),
            columns={"rider": "integer", "at": "datetime", "distance": "number"},
        )
        for rider, time in rows:
            file = self.log / f"{time:%Y-%m-%d}" / f"{model[:12]}-{next(NUMBER):06d}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            inputs = {"rider": [rider], "at": [int(time.timestamp()) * 1_000_000], "distance": [1.0]}
            line = {"at": int(at.timestamp()) * 1_000_000, "scores": [0.25], "inputs": inputs}
            file.write_bytes(msgspec.json.encode(segment) + b"\n" + msgspec.json.encode(line) + b"\n")

    def tell(self, *rows: tuple[int, datetime, bool], at: datetime) -> None:
        """Tell a server labels at a moment."""
        now = int(at.timestamp()) * 1_000_000
        labels = [{"rider": rider, "at": text(time), "late": late} for rider, time, late in rows]
        log = LabelLog(self.log, LabelSegment(labels="late", service=Name("rides"), type="boolean"))
        log.name = f"{next(NUMBER):06d}.jsonl"
        log.keep(
            Desk(self.project.contract, self.project.spec).admit(msgspec.json.encode({"labels": labels}), now), now
        )

    def join(self, *words: object, as_of: datetime = CLOSED) -> Said:
        return self.terminal("join", "--as-of", as_of.isoformat(), *words)

    def joined(self, *words: object, as_of: datetime = CLOSED) -> LabelledWindow:
        """Return the record that the command leaves."""
        said = self.join(*words, "--output", "json", as_of=as_of)
        assert said.code == 0, said.err
        return msgspec.json.decode(said.out, type=LabelledWindow)

    def rows(self, record: LabelledWindow) -> dict[int, bool | None]:
        """Return each rider's label in a window that was kept."""
        found = pl.read_parquet(self.project.store.get(record.uri))
        riders = found["id"].str.split("|").list.first().cast(pl.Int64)
        return dict(zip(riders.to_list(), found["label"].to_list(), strict=True))


@pytest.fixture
def made(terminal: Terminal) -> Rides:
    return Rides(terminal)


def test_before_anything_was_asked_nothing_is_joined(made: Rides) -> None:
    """It says so, and what to do."""
    said = made.join()

    assert said.code == 1
    assert "no window with answers in prod has closed by 2024-05-02T12:00:00" in said.err


def test_while_labels_can_still_come_it_is_a_matter_of_time(made: Rides) -> None:
    """Exit 75, which an engine tries again; an hour later it is a record."""
    made.answer((1, MAY))
    window = ("--start", MAY.isoformat(), "--end", (MAY + DAY).isoformat())

    early = made.join(*window, as_of=CLOSED - HOUR)

    assert early.code == 75
    assert "can come until 2024-05-02T12:00:00" in early.err
    assert made.joined(*window).predictions == 1


def test_labels_told_and_labels_of_the_source_are_joined(made: Rides) -> None:
    """Whichever knows; the last that was told in time counts, and each is accounted for."""
    made.answer(*((rider, MAY + HOUR) for rider in range(1, 7)))
    made.answer((1, MAY + HOUR), model=B, at=MAY + 2 * HOUR)  # asked again: another model by then
    made.source((1, MAY + HOUR, True), (2, MAY + HOUR, True), (3, MAY + HOUR, None), (9, MAY + HOUR, True))
    made.tell((2, MAY + HOUR, False), (4, MAY + HOUR, True), at=MAY + 3 * HOUR)
    made.tell((4, MAY + HOUR, False), (4, MAY + 5 * HOUR, True), at=MAY + 4 * HOUR)
    made.tell((4, MAY + HOUR, True), (5, MAY + HOUR, True), at=CLOSED + timedelta(seconds=1))

    record = made.joined(as_of=CLOSED + DAY)

    assert made.rows(record) == {1: True, 2: False, 3: None, 4: False, 5: None, 6: None}
    assert (record.predictions, record.labelled, record.missing) == (6, 3, 3)
    assert (record.duplicates, record.late, record.corrections) == (1, 1, 2)
    assert record.models == {A: 6}


def test_people_read_what_came_of_it(made: Rides) -> None:
    """Counts with what they mean."""
    made.answer((1, MAY), (2, MAY), (3, MAY))
    made.tell((1, MAY, True), at=MAY + HOUR)
    made.tell((1, MAY, False), at=MAY + 2 * HOUR)
    made.tell((2, MAY, False), at=CLOSED + HOUR)

    said = made.join(as_of=CLOSED + DAY).out

    assert "2024-05-01 to 2024-05-02, closed 2024-05-02T12:00:00: 3 predictions, 1 labelled" in said
    assert "missing      2: 1 came late, 1 never" in said
    assert "corrections  1: the last label known in time counts" in said


def test_a_window_joined_today_or_in_a_year_is_the_same(made: Rides) -> None:
    """What came after it had closed changes nothing but the count of what was late."""
    made.answer((1, MAY), (2, MAY))
    made.tell((1, MAY, True), at=CLOSED)
    first = made.joined()
    made.tell((1, MAY, False), (2, MAY, True), at=CLOSED + 300 * DAY)

    again = made.joined("--start", MAY.isoformat(), "--end", (MAY + DAY).isoformat(), as_of=CLOSED + 366 * DAY)

    assert made.rows(again) == made.rows(first) == {1: True, 2: None}
    assert (first.late, again.late) == (0, 1)
    assert again.sha256 == first.sha256


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_may_stand_in_a_file(made: Rides, kind: str) -> None:
    """By the columns of data.id, whatever their types there; known_at where it is known; the source is not read."""
    made.answer((1, MAY), (2, MAY), (3, MAY))
    made.tell((3, MAY, False), at=MAY + HOUR)
    rows = pl.DataFrame(
        {
            "rider": pl.Series([1, 2, 2, 9], dtype=pl.Int32),
            "at": [MAY.replace(tzinfo=None)] * 4,
            "late": [True, True, False, True],
            "known_at": [(MAY + hours * HOUR).replace(tzinfo=None) for hours in (1, 40, 2, 1)],
        }
    )
    file = made.terminal.folder / f"labels.{kind}"
    if kind == "csv":
        rows.write_csv(file)
    else:
        rows.write_parquet(file)
    (made.terminal.folder / "rows.csv").unlink()

    record = made.joined("--labels", file)

    assert made.rows(record) == {1: True, 2: False, 3: False}
    assert (record.labelled, record.corrections, record.late) == (3, 0, 0)


@pytest.mark.parametrize(
    ("content", "words", "expected", "code"),
    [
        (None, ["--labels", "gone.csv"], "no file", 1),
        ("rider,late\n1,true\n", ["--labels", "l.csv"], "has no column 'at'", 1),
        ("ridr,at,late\n1,2024-05-01,true\n", ["--labels", "l.csv"], "Did you mean 'ridr'", 1),
        ("rider,at,late\n1,soon,true\n", ["--labels", "l.csv"], "'soon'", 1),
        (None, ["--start", "2024-05-01"], "--start and --end go together", 2),
        (None, ["--start", "2024-05-02", "--end", "2024-05-01"], "the start before the end", 2),
        (None, ["--start", "soon", "--end", "2024-05-01"], "is not a moment", 2),
        (None, ["--start", "2024-04-01", "--end", "2024-04-02"], "nothing was predicted in prod", 1),
    ],
)
def test_what_cannot_be_joined_is_refused(
    made: Rides, content: str | None, words: list[str], expected: str, code: int
) -> None:
    """By its name, with what was expected."""
    made.answer((1, MAY))
    if content:
        (made.terminal.folder / "l.csv").write_text(content)

    said = made.join(*words)

    assert (said.code, expected in said.err) == (code, True), said.err


def test_labels_of_other_ids_are_shown_beside_the_ids_that_were_asked(made: Rides) -> None:
    """The commonest mistake: the same row, named otherwise."""
    made.answer((1, MAY))
    made.source((1, MAY + HOUR, True))

    said = made.join()

    assert "no label is of an id that was asked" in said.out
    assert "labels '1|2024-05-01T01:00:00', predictions '1|2024-05-01T00:00:00'" in said.out


MOMENTS = [MAY + HOUR, MAY + 20 * HOUR, CLOSED, CLOSED + timedelta(seconds=1), CLOSED + 9 * DAY]
Telling = tuple[int, bool, datetime]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    told=st.lists(st.tuples(st.integers(1, 7), st.booleans(), st.sampled_from(MOMENTS)), max_size=12),
    shuffle=st.randoms(use_true_random=False),
)
def test_every_answer_and_every_label_is_accounted_for_in_any_order(
    made: Rides, asked: list[int], told: list[Telling], shuffle: Any
) -> None:
    """Against a ledger kept by hand: answers once each, the last label in time, corrections, late ones, none lost."""
    for path in [*made.log.rglob("*.jsonl")]:
        path.unlink()
    for second, rider in enumerate(asked):
        made.answer((rider, MAY), at=MAY + timedelta(seconds=second))
    in_order = sorted(told, key=lambda one: one[2])
    ledger: dict[int, list[Telling]] = {rider: [one for one in in_order if one[0] == rider] for rider in set(asked)}
    in_time = {rider: [late for _, late, at in ones if at <= CLOSED] for rider, ones in ledger.items()}
    batches = [list(ones) for _, ones in itertools.groupby(in_order, key=lambda one: one[2])]
    shuffle.shuffle(batches)
    for ones in batches:
        made.tell(*((rider, MAY, late) for rider, late, _ in ones), at=ones[0][2])

    record = made.joined(as_of=CLOSED + 10 * DAY)

    assert made.rows(record) == {rider: (ones[-1] if ones else None) for rider, ones in in_time.items()}
    assert record.predictions + record.duplicates == len(asked)
    assert record.labelled + record.missing == record.predictions
    assert record.late == sum(bool(ledger[rider]) and not in_time[rider] for rider in ledger)
    assert record.corrections == sum(a != b for ones in in_time.values() for a, b in itertools.pairwise(ones))
