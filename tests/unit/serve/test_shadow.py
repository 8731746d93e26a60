"""A shadow answers nobody, slows and fails nobody; what it would have said is kept and compared in pairs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from scipy import stats

from headgate.errors import PermanentError
from headgate.models.loading import load
from headgate.records.codec import decode, encode
from headgate.records.comparison import ShadowReport
from headgate.serve.observers.background import Background, Pause
from headgate.serve.observers.batching import Waiting
from headgate.serve.protocols.v2 import decode as decode_request
from headgate.serve.setup.observers import ShadowOptions, shadow_of
from headgate.serve.setup.preparing import prepare
from headgate.serve.setup.served import Served
from headgate.serve.shadow.mirroring import Shadow, decisions
from headgate.serve.shadow.pairs import read_pairs
from headgate.serve.shadow.report import report
from unit.serve.running import World, changed, rides, running, world
from unit.serve.second import second

INFER = "/v2/models/rides/infer"


@dataclass
class Pair:
    """A champion ready to answer, and its shadow."""

    made: World
    served: Served
    options: ShadowOptions

    def shadow(self, **changed: Any) -> Shadow:
        options = msgspec.structs.replace(self.options, **changed)
        found = shadow_of(self.served.predictor, options)
        assert found is not None
        return found

    def ask(self, shadow: Shadow, request: dict[str, Any]) -> np.ndarray:
        rows = self.served.door.admit(decode_request(json.dumps(request).encode()))
        scores = self.served.predictor.answer(rows)
        shadow.offer(rows, scores)
        return scores


@pytest.fixture(params=["binary", "multiclass", "regression"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """One of each kind of answer."""
    made = world(tmp_path, task=request.param)
    served = prepare(made.options(log_dir=None), made.sha256)
    folder, sha256 = second(made, task=request.param)
    yield Pair(made, served, ShadowOptions(model=folder, sha256=sha256, share=1.0, log=tmp_path / "pairs"))
    served.background.stop()


def test_the_pairs_are_both_models_answers_to_the_same_rows(pair: Pair) -> None:
    """Row by row, with the ids that labels come under."""
    shadow = pair.shadow()
    answers = [pair.ask(shadow, rides(1 + k % 4, rider=10 * k)) for k in range(20)]
    shadow.fold(Pause())

    head, rows = read_pairs(pair.made.folder / "pairs")

    features = pl.DataFrame(
        {
            "city": ["zürich"] * rows.height,
            "distance": [1.5 + j for k in range(20) for j in range(1 + k % 4)],
            "hour": [8] * rows.height,
        }
    )
    expected = load(pair.options.model, pair.options.sha256).predict(features)  # type: ignore[arg-type]
    ordered = rows.sort(pl.col("id").str.extract(r"^(\d+)").cast(pl.Int64))
    np.testing.assert_allclose(np.array(ordered["shadow"].to_list()), expected, rtol=1e-6)
    np.testing.assert_array_equal(np.array(ordered["champion"].to_list()), np.concatenate(answers))
    assert (pair.made.sha256, pair.options.sha256) == (head.champion, head.shadow)
    assert shadow.outcomes() == {"paired": 50, "failed": 0, "shed": 0}


def test_the_report_has_the_paired_difference_with_its_interval(pair: Pair) -> None:
    """As scipy's paired t-test has it, rows being declared independent; decisions as the larger score says."""
    shadow = pair.shadow()
    for k in range(60):
        pair.ask(shadow, changed(rides(1, rider=k), "distance", data=[k * 3.7 - 60]))
    shadow.fold(Pause())
    head, rows = read_pairs(pair.made.folder / "pairs")

    found = report(head, rows, pair.served.predictor.spec)

    champion, other = (np.array(rows[side].to_list()) for side in ("champion", "shadow"))
    differences = (other - champion).reshape(60, -1)
    test = stats.ttest_1samp(differences, 0)
    interval = test.confidence_interval(0.95)
    assert [one.value for one in found.differences] == pytest.approx(list(differences.mean(axis=0)))
    assert [one.low for one in found.differences] == pytest.approx(list(np.ravel(interval.low)), rel=1e-6)
    assert [one.high for one in found.differences] == pytest.approx(list(np.ravel(interval.high)), rel=1e-6)
    assert decode(encode(found), ShadowReport) == found
    if head.task == "regression":
        assert found.changed is None
    else:
        assert found.changed is not None
        assert found.changed.value == (decisions(champion) != decisions(other)).mean() > 0
        assert shadow.tally.changed == round(found.changed.value * 60)


def test_labels_add_the_metrics_of_both(pair: Pair) -> None:
    """On the rows whose label came; the others are left out."""
    shadow = pair.shadow()
    for k in range(60):
        pair.ask(shadow, changed(rides(1, rider=k), "distance", data=[k * 3.7 - 60]))
    shadow.fold(Pause())
    head, rows = read_pairs(pair.made.folder / "pairs")
    told = {
        "binary": [k % 3 == 0 for k in range(60)],
        "multiclass": ["abc"[k % 3] for k in range(60)],
        "regression": [float(k) for k in range(60)],
    }[head.task]
    labels = pl.DataFrame({"id": rows["id"], "label": told}, strict=False).with_row_index()
    labels = labels.with_columns(label=pl.when(pl.col("index") < 50).then("label")).drop("index")

    found = report(head, rows, pair.served.predictor.spec, labels)

    assert 50 == found.labelled
    assert found.metrics
    assert {side.metric for side in found.metrics} <= set(pair.served.predictor.spec.metrics)
    for side in found.metrics:
        assert side.difference.value == pytest.approx(side.shadow - side.champion)
        assert side.difference.low < side.difference.value < side.difference.high


@pytest.fixture
def binary(tmp_path: Path) -> Iterator[Pair]:
    """The plainest pair."""
    made = world(tmp_path)
    served = prepare(made.options(log_dir=None), made.sha256)
    folder, sha256 = second(made)
    yield Pair(made, served, ShadowOptions(model=folder, sha256=sha256, share=1.0, log=tmp_path / "pairs"))
    served.background.stop()


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
def test_exactly_the_share_is_mirrored(binary: Pair, share: float) -> None:
    """Spread evenly over the requests."""
    shadow = binary.shadow(share=share)

    for k in range(100):
        binary.ask(shadow, rides(1, rider=k))
    shadow.fold(Pause())

    assert round(100 * share) == shadow.tally.paired


def test_rows_beyond_the_queue_are_shed_and_counted(binary: Pair) -> None:
    """The answer never waits for room."""
    shadow = binary.shadow()
    shadow.waiting = Waiting(binary.served.door.types, most=10)

    for k in range(15):
        binary.ask(shadow, rides(1, rider=k))
    shadow.fold(Pause())

    assert shadow.outcomes() == {"paired": 10, "failed": 0, "shed": 5}


def test_a_shadow_that_fails_fails_nobody(binary: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """Its rows are counted, it is said once, and the next batch is tried."""
    shadow = binary.shadow()
    background = Background([shadow])
    rows = binary.served.door.admit(decode_request(json.dumps(rides(2)).encode()))
    bad = msgspec.structs.replace(rows, columns={**rows.columns, "seats": [7, 7]})
    scores = binary.served.predictor.answer(rows)

    for request in (bad, bad, rows):
        shadow.offer(request, scores)
        background.fold()
    background.stop()

    assert shadow.outcomes() == {"paired": 2, "failed": 4, "shed": 0}
    assert 1 == capsys.readouterr().err.count("seven seats are one too many")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("bytes", "sha256"),
        ("absent", "manifest"),
        ("task", "regression model of 'rides'"),
        ("digest", "is not a sha256"),
    ],
)
def test_a_shadow_that_is_none_keeps_no_server_from_being_ready(
    binary: Pair, capsys: pytest.CaptureFixture[str], broken: str, said: str
) -> None:
    """Corrupt, absent or of another kind: it is said, and the champion answers."""
    options = binary.options
    if broken == "bytes":
        with (options.model / "model.onnx").open("ab") as file:
            file.write(b"x")
    elif broken == "absent":
        options = msgspec.structs.replace(options, model=binary.made.folder / "none")
    elif broken == "task":
        other = binary.made.folder / "other"
        other.mkdir()
        made = world(other, task="regression")
        options = msgspec.structs.replace(options, model=made.model, sha256=made.sha256)
    else:
        options = msgspec.structs.replace(options, sha256="latest")

    found = shadow_of(binary.served.predictor, options)

    assert found is None
    told = capsys.readouterr().err
    assert told.startswith("no shadow ")
    assert said in told


def test_a_torn_last_line_is_left_out_and_damage_is_named(binary: Pair) -> None:
    """A killed server loses a batch of pairs at most."""
    shadow = binary.shadow()
    for k in range(3):
        binary.ask(shadow, rides(1, rider=k))
        shadow.fold(Pause())
    assert shadow.log is not None
    (file,) = shadow.log.folder.iterdir()
    whole = file.read_bytes()

    file.write_bytes(whole[:-30])

    assert 2 == read_pairs(shadow.log.folder)[1].height
    file.write_bytes(b'{"pairs": 1}\n' + whole)
    with pytest.raises(PermanentError, match="is damaged"):
        read_pairs(shadow.log.folder)


def test_pairs_that_find_no_room_are_counted(binary: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """And kept again once what was sent is deleted."""
    monkeypatch.setattr("headgate.serve.shadow.pairs.MOST_BYTES", 1)
    shadow = binary.shadow()
    assert shadow.log is not None
    for k in range(3):
        binary.ask(shadow, rides(2, rider=k))
        shadow.fold(Pause())
    (file,) = shadow.log.folder.iterdir()
    file.unlink()
    shadow.log.files.room.next_look = 0.0
    binary.ask(shadow, rides(1, rider=9))
    shadow.fold(Pause())

    assert 4 == shadow.log.unkept
    assert 1 == read_pairs(shadow.log.folder)[1].height


def test_pairs_of_two_shadows_are_not_mixed(binary: Pair) -> None:
    """Nor is nothing a report."""
    with pytest.raises(PermanentError, match="no pairs in"):
        read_pairs(binary.made.folder)
    folder, sha256 = second(binary.made, "third", turn=2.0)
    for shadow in (binary.shadow(), binary.shadow(model=folder, sha256=sha256)):
        binary.ask(shadow, rides(1))
        shadow.fold(Pause())

    with pytest.raises(PermanentError, match="more than two models"):
        read_pairs(binary.made.folder / "pairs")


def test_a_server_answers_with_a_shadow_what_it_answers_without(binary: Pair) -> None:
    """Byte for byte; the pairs are whole once it has drained, and counted."""
    made = binary.made
    requests = [json.dumps(rides(1 + k % 3, rider=10 * k)).encode() for k in range(30)]
    with running(made.options(shadow=binary.options)) as server:
        with_shadow = [server.infer(request).body for request in requests]
        server.process.terminate()
        assert 0 == server.process.wait(timeout=20)
    with running(made.options(ready_file=made.folder / "plain.json")) as server:
        without = [server.infer(request).body for request in requests]

    assert without == with_shadow
    assert 60 == read_pairs(made.folder / "pairs")[1].height
