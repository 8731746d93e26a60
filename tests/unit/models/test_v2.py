"""A predictor of the owner's own is asked as V2 says, and known again by its golden rows."""

import socket
from pathlib import Path

import numpy as np
import pytest

from fakes.predictor import Predictor, answering
from headgate.errors import TransientError
from headgate.models import package
from headgate.models.loading import load
from unit.models.owned import EACH, IMAGE, X, golden, opened, packed, refused, signature


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("inputs", [[{"name": "x"}], EACH])
def test_a_predictor_answers_as_one_call_would(
    inputs: list[dict[str, str]], binary: bool, server: Predictor, tmp_path: Path
) -> None:
    """By bytes where it reads them, by lists elsewhere; in one tensor or one a feature; what is missing arrives so."""
    server.is_binary = binary
    rows = np.concatenate([X, [[np.nan, 1.0]]]).astype(np.float32)

    found = opened(packed(tmp_path, inputs=inputs)).predict_matrix(rows)

    np.testing.assert_allclose(server.predicted(rows), found, rtol=1e-6)


def test_many_rows_are_asked_in_parts_over_one_connection(server: Predictor, tmp_path: Path) -> None:
    """A server takes no body of any size, and a connection for each would cost more than the answer."""
    rows = np.tile(X, (50, 1))
    loaded = opened(golden(tmp_path))
    before = server.connections
    server.asked.clear()

    found = loaded.predict_matrix(rows)

    np.testing.assert_allclose(server.predicted(rows), found)
    assert [1024, 1024, 452] == server.asked
    assert before == server.connections


def test_a_number_may_be_any_and_is_held_to_its_scale(server: Predictor, tmp_path: Path) -> None:
    """A regression's golden rows may differ by 1e-5 of the largest."""
    server.task, server.weights = "regression", (3e6, 1.0)
    made = golden(tmp_path, "regression")
    server.weights = (3e6 + 1.0, 1.0)
    assert opened(made, "regression").predict_matrix(X).shape == (50,)

    server.weights = (3e6 + 100.0, 1.0)

    assert "is not the one that this model was trained with" in refused(lambda: opened(made, "regression"))


def test_a_predictor_that_is_away_may_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same port; it is met anew, golden rows first."""
    with answering() as gone:
        monkeypatch.setenv("HEADGATE_PREDICTOR", gone.address)
        gone.keeps_alive = False
        loaded = opened(golden(tmp_path))
    port = gone.server_address[1]

    assert "does not answer: connection refused" in refused(lambda: loaded.predict_matrix(X[:3]), TransientError)
    with answering(port) as back:
        np.testing.assert_allclose(back.predicted(X[:3]), loaded.predict_matrix(X[:3]))
        assert [8, 3] == back.asked


def test_another_predictor_at_the_same_place_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden rows are asked before the first answer of a new connection counts."""
    with answering() as first:
        monkeypatch.setenv("HEADGATE_PREDICTOR", first.address)
        first.keeps_alive = False
        made = golden(tmp_path)
        loaded = opened(made)
    port = first.server_address[1]

    refused(lambda: loaded.predict_matrix(X[:1]), TransientError)
    with answering(port) as swapped:
        swapped.weights = (0.5, -0.2501)
        for do in (lambda: loaded.predict_matrix(X[:3]), loaded.check, lambda: opened(made)):
            assert "is not the one that this model was trained with" in refused(do)
        assert {8} == set(swapped.asked)


def test_a_predictor_that_changes_while_it_runs_is_found_out_by_its_readiness(
    server: Predictor, tmp_path: Path
) -> None:
    """And then by every connection that was kept."""
    loaded = opened(golden(tmp_path))
    server.weights = (0.6, -0.25)

    assert "is not the one" in refused(loaded.check)
    assert "is not the one" in refused(lambda: loaded.predict_matrix(X[:3]))

    server.weights = (0.5, -0.25)
    loaded.check()
    assert loaded.predict_matrix(X[:3]).shape == (3,)


def test_a_predictor_that_is_not_ready_is_waited_for(server: Predictor, tmp_path: Path) -> None:
    """It says so itself."""
    loaded = opened(golden(tmp_path))
    server.is_ready = False

    assert "/v2/models/own/versions/3/ready got 503" in refused(loaded.check, TransientError)


def test_of_several_addresses_the_one_that_stands_the_golden_rows_answers(
    server: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Candidate and champion are judged on the same rows, each by an image of its own."""
    made = golden(tmp_path)
    with answering() as other, socket.create_server(("127.0.0.1", 0)) as mute:
        other.weights = (2.0, 2.0)
        mute.close()
        monkeypatch.setenv("HEADGATE_PREDICTOR", f"{other.address}, {server.address}")
        np.testing.assert_allclose(server.predicted(X[:3]), opened(made).predict_matrix(X[:3]))
        monkeypatch.setenv("HEADGATE_PREDICTOR", f"{other.address} http://127.0.0.1:1")

        said = refused(lambda: opened(made), TransientError)

    assert "none of the 2 predictors answers for model 'own'" in said
    assert IMAGE in said


def test_a_package_holds_the_description_its_files_and_the_golden_rows(server: Predictor, tmp_path: Path) -> None:
    """Under one digest, so that a changed byte of any is another model; the same makes the same."""
    (tmp_path / "weights.bin").write_bytes(b"\x00\x01weights")
    made = golden(tmp_path, files=["weights.bin"])
    folder = tmp_path / "package"
    digest = package.write(folder, made, signature(), {})

    assert digest == package.write(tmp_path / "again", golden(tmp_path, files=["weights.bin"]), signature(), {})
    np.testing.assert_allclose(server.predicted(X), load(folder, digest).predict_matrix(X))
    assert {"predictor.json", "golden.json", "weights.bin", "signature.json", "manifest.json"} == {
        path.name for path in folder.iterdir()
    }
    (folder / "weights.bin").write_bytes(b"\x00\x01weightz")
    assert "weights.bin has another sha256" in refused(lambda: load(folder, digest))
