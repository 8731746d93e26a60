"""Labels told to a server: admitted by the contract, on the disk before the answer, and of the rows they name."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.adapters.answers import Shipping, bring, days
from headgate.adapters.files import FileStore
from headgate.errors import PermanentError
from headgate.names import Name
from headgate.records.dataset import Window
from headgate.serve.door.admission import Door
from headgate.serve.logs.desk import Desk
from headgate.serve.logs.label_log import LabelLog, LabelSegment
from headgate.serve.logs.label_requests import telling_of
from headgate.serve.logs.labels import files, read
from headgate.serve.logs.prediction_log import read as read_log
from headgate.serve.logs.recorder import Recorder
from headgate.serve.logs.room import Room
from headgate.serve.protocols.v2 import decode
from headgate.serve.refusal import RefusalError
from headgate.specs.contract import Contract
from headgate.specs.reading import parse
from headgate.specs.service import Service
from limits import largest_file
from unit.serve.running import CONTRACT_YAML, SERVICE_YAML, World, rides, running, tensor, world
from unit.serve.test_prediction_log import segment

SPEC = parse(SERVICE_YAML.format(task="binary", features="null"), Service, "service.yaml")
CONTRACT = parse(CONTRACT_YAML, Contract, "contract.yaml")
NOW = int(datetime(2024, 5, 2, 12, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = 3_600_000_000
ONE = {"rider": 1, "at": "2024-05-01T08:00:00", "late": True}


def body(*labels: Any) -> bytes:
    return msgspec.json.encode({"labels": list(labels)})


def refused(content: bytes, spec: Service = SPEC) -> str:
    with pytest.raises(RefusalError) as caught:
        Desk(CONTRACT, spec).admit(content, NOW)
    assert caught.value.status == 400
    return caught.value.message


def told(folder: Path, *labels: Any, now: int = NOW) -> None:
    """Tell labels at a moment, in a file of their own."""
    log = LabelLog(folder, LabelSegment(labels="late", service=Name("rides"), type="boolean"))
    log.keep(Desk(CONTRACT, SPEC).admit(body(*labels), now), now)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the body is no {'labels': [...]}"),
        (b"{", "the body is no {'labels': [...]}"),
        (b'{"labels": 3}', "the body is no {'labels': [...]}"),
        (b'{"labels": [3]}', "the body is no {'labels': [...]}"),
        (b'{"labels": [], "more": 1}', "the body is no {'labels': [...]}"),
        (body(), "has 0 labels; expected 1 to 10,000"),
        (body(*[ONE] * 10_001), "has 10,001 labels"),
        (
            body(ONE, {**ONE, "ridr": 1}),
            "label 1 has 'ridr', which is none of at, known_at, late, rider. Did you mean 'rider'",
        ),
        (body({"at": ONE["at"], "late": True}), "label 0: 'rider' has no value"),
        (body(ONE, {**ONE, "rider": "1"}), "label 1: 'rider' has '1'; expected a whole number"),
        (body({**ONE, "rider": 2**63}), "label 0: 'rider' has a whole number beyond 64 bits"),
        (body({**ONE, "at": "soon"}), "label 0: 'at' has 'soon'; expected a time"),
        (body({**ONE, "at": None}), "label 0: 'at' has no value"),
        (body({"rider": 1, "at": ONE["at"]}), "label 0: 'late' has no value"),
        (body({**ONE, "late": None}), "label 0: 'late' has no value"),
        (body({**ONE, "late": "yes"}), "label 0: 'late' has 'yes'; expected true or false"),
        (body({**ONE, "late": [True]}), "label 0: 'late' has"),
        (body({**ONE, "known_at": 3}), "known_at is '3'; expected a time"),
        (body({**ONE, "known_at": "soon"}), "input 'known_at' has a time that does not exist"),
        (body(ONE, {**ONE, "known_at": "2024-05-02T12:06:00"}), "label 1 became known in the future"),
    ],
)
def test_what_is_no_label_is_refused_with_its_place(content: bytes, expected: str) -> None:
    """Nothing of such a request is kept: it is told again, whole."""
    assert expected in refused(content)


def test_a_service_without_ids_takes_no_labels() -> None:
    """Nothing would say which row one is of."""
    plain = msgspec.structs.replace(SPEC, data=msgspec.structs.replace(SPEC.data, id=()))

    assert "no data.id" in refused(body({"late": True}), plain)


def test_a_label_is_what_was_told_and_when(tmp_path: Path) -> None:
    """By the id as the prediction log writes it, with the row's own time; known now unless it is said."""
    told(tmp_path, ONE, {**ONE, "rider": 2, "late": False, "known_at": "2024-05-01T22:00:00+02:00"})

    found = read(tmp_path).sort("id")

    at = datetime(2024, 5, 1, 8)  # noqa: DTZ001 - naive means UTC
    assert found.rows() == [
        ("1|2024-05-01T08:00:00", True, at, at + timedelta(hours=28)),
        ("2|2024-05-01T08:00:00", False, at, at + timedelta(hours=12)),
    ]
    assert sorted(path.parent.name for path in files(tmp_path, None)) == ["2024-05-01", "2024-05-02"]


riders = st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - naive means UTC


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(riders, moments, st.booleans()), min_size=1, max_size=4))
def test_an_id_is_the_same_text_as_in_the_prediction_log(rows: list[tuple[int, datetime, bool]]) -> None:
    """Else no label would find its row: any number, any fraction of a second."""
    request = rides(len(rows))
    names = {each["name"]: each for each in request["inputs"]}
    names["rider"] |= tensor("rider", "INT64", [row[0] for row in rows])
    names["at"] |= tensor("at", "BYTES", [row[1].isoformat() for row in rows])
    door = Door(CONTRACT, SPEC)
    admitted = door.admit(decode(json.dumps(request).encode()))
    from headgate.features import ids  # noqa: PLC0415

    labels = [{"rider": rider, "at": at.isoformat(), "late": late} for rider, at, late in rows]
    found = Desk(CONTRACT, SPEC).admit(body(*labels), NOW)

    assert found.id == ids(door.frame(admitted), SPEC).to_list()
    assert found.label == [row[2] for row in rows]


def test_labels_come_in_the_order_they_were_told(tmp_path: Path) -> None:
    """Over files and days: of two corrections at one moment the later told one counts."""
    told(tmp_path, {**ONE, "known_at": "2024-05-02T10:00:00"}, now=NOW + HOUR)
    told(tmp_path, {**ONE, "late": False, "known_at": "2024-05-02T11:00:00"}, now=NOW)
    told(tmp_path, {**ONE, "known_at": "2024-05-01T09:00:00"}, now=NOW + 2 * HOUR)

    assert read(tmp_path)["known_at"].dt.hour().to_list() == [11, 10, 9]


def test_labels_from_before_a_window_began_are_not_read(tmp_path: Path) -> None:
    """A label is known after its row: those of earlier days are of earlier windows."""
    told(tmp_path, {**ONE, "known_at": "2024-04-30T10:00:00"}, ONE, {**ONE, "known_at": "2024-05-01T10:00:00"})
    start = datetime(2024, 5, 1, tzinfo=UTC)

    assert read(tmp_path, Window(start=start, end=start + timedelta(hours=1))).height == 2
    assert read(tmp_path).height == 3


def test_a_log_of_answers_and_one_of_labels_do_not_meet(tmp_path: Path) -> None:
    """One folder, two readers."""
    recorder = Recorder(tmp_path, segment())
    recorder.record(Door(CONTRACT, SPEC).admit(decode(json.dumps(rides(2)).encode())), [0.1, 0.2])
    recorder.flush()
    told(tmp_path, ONE)

    assert (read_log(tmp_path).height, read(tmp_path).height) == (2, 1)


def test_a_torn_last_line_is_left_out_and_damage_is_named(tmp_path: Path) -> None:
    """A kill tears the end; anything else is an error."""
    told(tmp_path, ONE)
    [path] = files(tmp_path, None)
    whole = path.read_bytes()

    path.write_bytes(whole + whole.split(b"\n")[1][:-5])
    assert read(tmp_path).height == 1
    path.write_bytes(whole.split(b"\n")[0][:-2])
    assert read(tmp_path).height == 0
    path.write_bytes(whole + b'{"at":"x"}\n' + b"{\n")
    with pytest.raises(PermanentError, match=r"label log .* is damaged"):
        read(tmp_path)


def test_no_labels_are_an_empty_frame(tmp_path: Path) -> None:
    """Nobody told any."""
    assert read(tmp_path / "nothing").columns == ["id", "label", "time", "known_at"]


def test_a_full_disk_keeps_none_of_a_request_and_says_so(tmp_path: Path) -> None:
    """503, to be told again; what stood there stands, and the next labels find room."""
    telling = telling_of(CONTRACT, SPEC, tmp_path, Room(tmp_path, None))
    soon = {**ONE, "known_at": "2024-05-02T10:00:00"}
    telling.take(body(soon))
    [path] = files(tmp_path, None)
    before = path.read_bytes()

    with largest_file(len(before) + 10), pytest.raises(RefusalError, match="could not be written") as caught:
        telling.take(body(soon))

    assert caught.value.status == 503
    assert path.read_bytes() == before
    telling.take(body(soon))
    assert read(tmp_path).height == 2


def test_labels_go_to_the_store_and_come_back(tmp_path: Path) -> None:
    """As answers do, beside them; a day of labels alone is no day of answers."""
    store = FileStore(tmp_path / "store")
    told(tmp_path / "pod", ONE)

    Shipping(store, tmp_path / "pod", "predictions/prod/rides").ship()
    bring(store, "predictions/prod/rides", tmp_path / "here", "2024-05-01", "2024-05-03")

    assert read(tmp_path / "here").rows() == read(tmp_path / "pod").rows()
    assert days(store, "predictions/prod/rides") == set()


@contextmanager
def serving(made: World, **options: Any) -> Iterator[Any]:
    with running(made.options(**options)) as server:
        yield server


def test_over_http_labels_are_on_the_disk_before_the_answer(tmp_path: Path) -> None:
    """Killed the moment it has answered, a server has lost none."""
    made = world(tmp_path)
    with serving(made) as server:
        answer = server.ask("/labels", body(ONE, {**ONE, "rider": 2}))
        server.process.kill()

    assert (answer.status, answer.json) == (200, {"accepted": 2})
    assert answer.headers["headgate-model"] == made.sha256[:12]
    assert read(made.log_dir)["id"].to_list() == ["1|2024-05-01T08:00:00", "2|2024-05-01T08:00:00"]


def test_over_http_what_is_wrong_is_a_400_and_the_next_one_is_taken(tmp_path: Path) -> None:
    """Counted as every refusal is; a body beyond the limit is never parsed."""
    made = world(tmp_path)
    with serving(made) as server:
        answers = [
            server.ask("/labels", content).status
            for content in (b"{", body({**ONE, "late": 1}), b"[" * 100_000, b"x" * (17 << 20), body(ONE))
        ]
        looked = server.ask("/labels").status

    assert answers == [400, 400, 400, 413, 200]
    assert looked == 405
    assert read(made.log_dir).height == 1


def test_a_server_without_a_log_takes_no_labels(tmp_path: Path) -> None:
    """It would have nowhere to keep them, and a 200 would lie."""
    made = world(tmp_path)
    with serving(made, log_dir=None) as server:
        answer = server.ask("/labels", body(ONE))

    assert answer.status == 404
    assert "this server keeps none" in answer.json["error"]
    assert not os.path.lexists(made.log_dir)
    assert isinstance(read(made.log_dir), pl.DataFrame)
