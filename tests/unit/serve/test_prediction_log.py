"""The prediction log: what was flushed is never lost or changed, what was torn is left out, a window is read alone."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.features import ids
from headgate.names import Digest, Name
from headgate.records.dataset import Window
from headgate.serve.door.admission import Admitted, Door
from headgate.serve.logs.prediction_log import inputs_of, read, segments
from headgate.serve.logs.recorder import Recorder
from headgate.serve.logs.segment import Segment
from headgate.serve.protocols.v2 import decode
from headgate.specs.contract import Column, Contract
from headgate.specs.reading import parse
from headgate.specs.service import Service
from unit.serve.running import CONTRACT_YAML, EIGHT, SERVICE_YAML, changed, rides

SPEC = parse(SERVICE_YAML.format(task="binary", features="null"), Service, "service.yaml")
DOOR = Door(parse(CONTRACT_YAML, Contract, "contract.yaml"), SPEC)
A, B = Digest("a" * 64), Digest("b" * 64)


def segment(**changes: Any) -> Segment:
    facts: dict[str, Any] = {
        "service": Name("rides"),
        "model": A,
        "task": "binary",
        "classes": (),
        "time": "at",
        "id": ("rider", "at"),
        "columns": DOOR.types,
    }
    return Segment(**{**facts, **changes})


def admitted(request: dict[str, Any], *, indent: int | None = None) -> Admitted:
    return DOOR.admit(decode(json.dumps(request, indent=indent).encode()))


def window(start: datetime, days: float = 1.0) -> Window:
    return Window(start=start.replace(tzinfo=UTC), end=start.replace(tzinfo=UTC) + timedelta(days=days))


def test_a_folder_that_is_not_there_holds_no_predictions(tmp_path: Path) -> None:
    """Nobody was asked yet."""
    rows = read(tmp_path / "nothing", window(EIGHT))

    assert rows.height == 0
    assert rows.columns == ["id", "time", "at", "model", "prediction", "inputs"]


def test_a_damaged_line_in_the_middle_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    """A kill tears the last line only: anything else is damage, and nothing is left out in silence."""
    recorder = Recorder(tmp_path, segment())
    recorder.record(admitted(rides(2)), [0.1, 0.2])
    recorder.flush()
    [path] = segments(tmp_path, None)
    path.write_bytes(path.read_bytes() + b'{"at":1,"scor\n' + path.read_bytes().split(b"\n")[1] + b"\n")

    with pytest.raises(PermanentError, match="is damaged"):
        read(tmp_path)


def test_what_is_read_is_what_was_answered(tmp_path: Path) -> None:
    """Ids, times, scores and raw inputs come back in their types, from pretty-printed requests too."""
    recorder = Recorder(tmp_path, segment())
    request = changed(rides(2), "distance", data=[None, 2.5])

    recorder.record(admitted(request, indent=1), [0.25, 0.75])
    recorder.flush()

    rows = read(tmp_path)
    raw = DOOR.frame(admitted(request))
    assert rows["prediction"].to_list() == [0.25, 0.75]
    assert rows["model"].to_list() == [A, A]
    assert rows["id"].to_list() == ids(raw, SPEC).to_list()
    assert rows["time"].to_list() == [EIGHT, EIGHT + timedelta(minutes=1)]
    assert inputs_of(rows).equals(raw)


def test_several_classes_have_a_column_each(tmp_path: Path) -> None:
    """As `prediction.<class>`."""
    recorder = Recorder(tmp_path, segment(task="multiclass", classes=("x", "y")))

    recorder.record(admitted(rides(2)), [[0.25, 0.75], [1.0, 0.0]])
    recorder.flush()

    rows = read(tmp_path)
    assert rows["prediction.x"].to_list() == [0.25, 1.0]
    assert rows["prediction.y"].to_list() == [0.75, 0.0]


def test_a_request_over_midnight_stands_in_both_days(tmp_path: Path) -> None:
    """So that each day's file is all there is to read for its windows."""
    recorder = Recorder(tmp_path, segment())
    late = datetime(2024, 5, 1, 23, 59)  # noqa: DTZ001 - without an offset, as clients send it

    recorder.record(admitted(rides(3, first=late)), [0.1, 0.2, 0.3])
    recorder.flush()

    assert [path.parent.name for path in segments(tmp_path, None)] == ["2024-05-01", "2024-05-02"]
    assert read(tmp_path, window(datetime(2024, 5, 1)))["prediction"].to_list() == [0.1]  # noqa: DTZ001
    assert read(tmp_path, window(datetime(2024, 5, 2)))["prediction"].to_list() == [0.2, 0.3]  # noqa: DTZ001
    assert inputs_of(read(tmp_path))["rider"].to_list() == [1, 2, 3]


def test_windows_are_half_open_and_read_only_their_days(tmp_path: Path) -> None:
    """The end's own day is not opened when the window ends at midnight."""
    recorder = Recorder(tmp_path, segment())
    for day in range(4):
        recorder.record(admitted(rides(1, first=datetime(2024, 5, 1 + day))), [day / 10])  # noqa: DTZ001
    recorder.flush()

    wanted = window(datetime(2024, 5, 2), days=2)  # noqa: DTZ001
    (tmp_path / "2024-05-04" / "other.jsonl").write_bytes(b"damaged\ndamaged\n")

    assert read(tmp_path, wanted)["prediction"].to_list() == [0.1, 0.2]


def test_without_event_time_the_moment_of_the_answer_is_its_time(tmp_path: Path) -> None:
    """Windows of such a service are windows of clock time."""
    recorder = Recorder(tmp_path, segment(time=None))

    recorder.record(admitted(rides(2)), [0.1, 0.2])
    recorder.flush()

    rows = read(tmp_path)
    assert rows["time"].to_list() == rows["at"].to_list()
    assert datetime.now(UTC).replace(tzinfo=None) - rows["at"][0] < timedelta(minutes=1)


def test_models_with_other_columns_are_read_together(tmp_path: Path) -> None:
    """The champion changed, and with it the contract, within one window."""
    columns = {**DOOR.types, "wind": Column(type="number").type}
    Recorder(tmp_path, segment(model=B, columns=columns))
    first, second = Recorder(tmp_path, segment()), Recorder(tmp_path, segment(model=B, columns=columns))

    first.record(admitted(rides(1)), [0.1])
    second.record(admitted(rides(1, rider=2)), [0.2])
    first.flush()
    second.flush()

    rows = read(tmp_path)
    assert rows["model"].to_list() == [A, B]
    assert inputs_of(rows)["wind"].to_list() == [None, None]
    assert inputs_of(rows)["rider"].to_list() == [1, 2]


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(1, 3), min_size=1, max_size=5), cut=st.floats(0, 1))
def test_a_file_cut_anywhere_gives_the_whole_lines_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], cut: float
) -> None:
    """As a kill in mid-write leaves it."""
    folder = tmp_path_factory.mktemp("log")
    recorder = Recorder(folder, segment())
    for place, count in enumerate(counts):
        recorder.record(admitted(rides(count)), [place / 10] * count)
    recorder.flush()
    [path] = segments(folder, None)
    whole = path.read_bytes()
    kept = whole[: round(cut * len(whole))]
    path.write_bytes(kept)

    rows = read(folder)

    lines = max(0, kept.count(b"\n") - 1)
    assert rows["prediction"].to_list() == [k / 10 for k in range(lines) for _ in range(counts[k])]


def test_a_disk_that_takes_nothing_delays_lines_and_tears_none(tmp_path: Path) -> None:
    """What could not be written waits, and stands once in the file when there is room again."""
    recorder = Recorder(tmp_path, segment())
    recorder.record(admitted(rides(1)), [0.1])
    recorder.flush()
    [path] = segments(tmp_path, None)
    path.rename(path.with_suffix(".away"))
    path.symlink_to("/dev/full")

    recorder.record(admitted(rides(1)), [0.2])
    recorder.flush()
    trouble = recorder.trouble
    path.unlink()
    path.with_suffix(".away").rename(path)
    recorder.record(admitted(rides(1)), [0.3])
    recorder.flush()

    assert trouble is not None
    assert "No space left on device" in trouble
    assert recorder.trouble is None
    assert read(tmp_path)["prediction"].to_list() == [0.1, 0.2, 0.3]


def test_a_short_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line followed by a whole one would damage the file."""
    recorder = Recorder(tmp_path, segment())
    recorder.record(admitted(rides(1)), [0.1])
    recorder.flush()
    write = os.write

    def half(descriptor: int, content: bytes) -> int:
        if len(content) < 100:
            raise OSError(28, "No space left on device")
        return write(descriptor, content[: len(content) // 2])

    monkeypatch.setattr("headgate.adapters.durable.os.write", half)
    recorder.record(admitted(rides(1)), [0.2])
    recorder.flush()
    monkeypatch.undo()
    recorder.record(admitted(rides(1)), [0.3])
    recorder.flush()

    assert read(tmp_path)["prediction"].to_list() == [0.1, 0.2, 0.3]


def test_when_too_much_waits_requests_are_lost_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is finite; the count says what is missing."""
    monkeypatch.setattr("headgate.serve.logs.recorder.WAITING_BYTES", 500)
    recorder = Recorder(tmp_path, segment())

    for _ in range(10):
        recorder.record(admitted(rides(1)), [0.1])
    recorder.flush()

    lost = recorder.forgive()
    assert lost > 0
    assert read(tmp_path).height == 10 - lost
    assert recorder.forgive() == 0


def test_a_log_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    """Not after the first thousand answers."""
    (tmp_path / "file").write_text("")

    with pytest.raises(PermanentError, match="no prediction log can be kept"):
        Recorder(tmp_path / "file" / "log", segment())


def test_rows_are_in_the_order_they_were_answered(tmp_path: Path) -> None:
    """Whatever process answered: join lets the first answer to an id count."""
    first, second = Recorder(tmp_path, segment(model=B)), Recorder(tmp_path, segment())

    for place in range(6):
        (first, second)[place % 2].record(admitted(rides(1)), [place / 10])
    first.flush()
    second.flush()

    rows = read(tmp_path)
    assert rows["at"].is_sorted()
    assert rows["model"].to_list() == [B, A] * 3
    assert isinstance(rows.schema["inputs"], pl.Struct)
