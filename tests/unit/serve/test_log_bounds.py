"""The prediction log's files: begun anew when full or gone, bounded together; a share of the rows."""

from pathlib import Path

import pytest

from headgate.cli.serving import options_of, plain
from headgate.serve.experiment.division import Division
from headgate.serve.logs import appending, room
from headgate.serve.logs.appending import Appending
from headgate.serve.logs.prediction_log import inputs_of, read, segments
from headgate.serve.logs.recorder import Recorder
from headgate.serve.logs.room import Room
from headgate.serve.logs.sampling import Sample
from headgate.serve.setup.preparing import prepare
from unit.serve.running import rides, world
from unit.serve.test_prediction_log import admitted, segment

MANY = 4_000


def answered(recorder: Recorder, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        recorder.record(admitted(rides(1, rider=number)), [0.5])
        recorder.flush()


def test_a_file_that_is_full_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers see one log."""
    monkeypatch.setattr(appending, "SEGMENT_BYTES", 1_000)
    answered(Recorder(tmp_path, segment()), 12)

    sizes = [path.stat().st_size for path in segments(tmp_path, None)]
    assert len(sizes) > 1
    assert max(sizes) < 1_500
    assert list(range(12)) == inputs_of(read(tmp_path))["rider"].to_list()


def test_a_file_that_is_gone_is_begun_under_another_name(tmp_path: Path) -> None:
    """In the store its name stands for what was in it."""
    recorder = Recorder(tmp_path, segment())
    answered(recorder, 1)
    (old,) = segments(tmp_path, None)
    old.unlink()
    old.parent.rmdir()
    answered(recorder, 2, first=1)

    (new,) = segments(tmp_path, None)
    assert new.name != old.name
    assert [1, 2] == inputs_of(read(tmp_path))["rider"].to_list()


def test_a_limit_is_a_full_disk_to_the_log_and_nothing_to_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows wait, are lost and counted once too many do, and go on where there is room; said in one line."""
    monkeypatch.setattr(room, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr("headgate.serve.logs.recorder.WAITING_BYTES", 2_000)
    recorder = Recorder(tmp_path, segment(), at_once=True, room=Room(tmp_path, 10_000))
    said = set()
    for number in range(60):
        recorder.record(admitted(rides(1, rider=number)), [0.5])
        said.add(recorder.trouble)
    held = sum(path.stat().st_size for path in segments(tmp_path, None))
    lost = recorder.forgive()
    kept = read(tmp_path).height
    for path in segments(tmp_path, None):
        path.unlink()
    answered(recorder, 1, first=60)

    assert said == {None, f"prediction log {str(tmp_path)!r} has reached --log-limit-mib"}
    assert recorder.trouble is None
    assert held < 10_500
    assert lost > 0
    assert 61 == kept + lost + recorder.forgive() + read(tmp_path).height


def test_a_disk_that_takes_nothing_is_not_tried_by_every_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would carry all that waits there and back."""
    tried = []

    def full(*_: object) -> None:
        tried.append(1)
        raise OSError(28, "No space left on device")

    recorder = Recorder(tmp_path, segment(), at_once=True)
    with monkeypatch.context() as patch:
        patch.setattr(recorder.files, "append", full)
        for number in range(20):
            recorder.record(admitted(rides(1, rider=number)), [0.5])
    monkeypatch.setattr(recorder, "next_try", 0.0)
    recorder.record(admitted(rides(1, rider=20)), [0.5])

    assert 1 == len(tried)
    assert 21 == read(tmp_path).height


def test_what_others_write_into_the_folder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server before this one, labels, pairs; empty files and folders as what they take of a disk."""
    own = Room(tmp_path, 20_000)
    first = own.is_full()
    (tmp_path / "labels").mkdir()
    for number in range(4):
        (tmp_path / "labels" / f"{number}").touch()
    remembered = own.is_full()
    monkeypatch.setattr(own, "next_look", 0.0)

    assert (False, False, True) == (first, remembered, own.is_full())


def test_a_limit_refuses_lines_of_any_kind(tmp_path: Path) -> None:
    """Labels are told so, and are told again later."""
    (tmp_path / "old").write_bytes(b"x" * 5_000)
    files = Appending("", b"{}\n", Room(tmp_path, 5_000))

    with pytest.raises(OSError, match="have reached the limit of 5,000 bytes"):
        files.append(tmp_path / "2024-05-01", b"{}\n")


def test_what_is_typed_bounds_answers_and_labels_together(tmp_path: Path) -> None:
    """One room for all that one process writes, and the share in every file's head."""
    made = world(tmp_path)
    line = ["--model", str(made.model), "--sha256", made.sha256, "--service-file", str(made.folder / "service.yaml")]
    words = plain([*line, "--log-dir", str(made.log_dir), "--log-limit-mib", "3", "--log-share", "0.5"])
    assert words is not None
    served = prepare(options_of(words), made.sha256)
    served.background.stop()

    assert isinstance(served.recorder, Recorder)
    assert served.telling is not None
    assert served.recorder.files.room is served.telling.log.files.room
    assert 3 << 20 == served.recorder.files.room.most_bytes
    assert 0.5 == served.recorder.segment.share


def test_a_share_of_the_ids_is_logged_the_same_on_every_server(tmp_path: Path) -> None:
    """Every row of a chosen id, and its head says by which chance."""
    riders = [admitted(rides(3, rider=3 * number)) for number in range(40)]
    for folder in ("one", "other"):
        recorder = Recorder(tmp_path / folder, segment(share=0.3))
        for rows in riders:
            recorder.record(rows, [0.1, 0.2, 0.3])
        recorder.flush()

    one, other = (read(tmp_path / folder).drop("at") for folder in ("one", "other"))
    assert one.equals(other)
    assert 15 < one.height < 60
    assert [round(0.1 + 0.1 * (rider % 3), 1) for rider in inputs_of(one)["rider"]] == one["prediction"].to_list()
    assert b'"share":0.3' in segments(tmp_path / "one", None)[0].read_bytes()


def test_a_larger_share_has_all_of_a_smaller_one_and_is_as_large_as_it_says() -> None:
    """Five standard errors."""
    rows = admitted(rides(MANY))
    tenth, half = ({*Sample(share, ("rider", "at")).chosen(rows)} for share in (0.1, 0.5))

    assert tenth < half
    for share, found in ((0.1, tenth), (0.5, half)):
        assert abs(len(found) / MANY - share) < 5 * (share * (1 - share) / MANY) ** 0.5


def test_without_ids_a_share_of_the_requests_is_logged_whole() -> None:
    """There is nothing by which another row would be the same one's."""
    sample = Sample(0.5, ())
    found = [sample.chosen(admitted(rides(3))) for _ in range(200)]

    assert {(), (0, 1, 2)} == {tuple(places) for places in found}
    assert 60 < sum(map(bool, found)) < 140


def test_chance_divides_as_it_did() -> None:
    """Keys of an experiment that runs keep their arm."""
    division = Division("colours", "rider", 0.5)

    assert [round(division.hashed(key), 6) for key in ("7", "8")] == [0.831029, 0.229291]
