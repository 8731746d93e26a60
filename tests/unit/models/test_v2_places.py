"""What a predictor.json may say, and what an operator may say of where its image runs."""

from pathlib import Path
from typing import Any

import pytest

from fakes.predictor import Predictor
from headgate.errors import UsageError
from headgate.models.loading import Loaded
from headgate.models.packed import Packed
from headgate.names import Digest
from unit.models.owned import IMAGE, opened, packed, refused, signature


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"image": "registry.example/team/own:latest"}, "is no digest"),
        ({"image": f"registry.example/own@sha256:{'a' * 63}"}, "is no digest"),
        ({"image": f"{IMAGE}\n"}, "is no digest"),
        ({"inputs": []}, "names no inputs"),
        ({"inputs": [{"name": "b"}, {"name": "a"}]}, "not the service's features in their order"),
        ({"inputs": [{"name": "x", "datatype": "BYTES"}]}, "expected FP32, FP64"),
        ({"model": "../../admin"}, "model"),
        ({"model": "own/infer?x="}, "model"),
        ({"url": "http://169.254.169.254/"}, "unknown key 'url'"),
        ({"files": ["../secret"]}, "files"),
        ({"files": ["golden.json"]}, "which Headgate writes itself"),
        ({"files": ["gone.bin"]}, "cannot read model file"),
    ],
)
def test_a_predictor_json_that_says_too_much_or_too_little_is_refused(
    changed: dict[str, Any], expected: str, server: Predictor, tmp_path: Path
) -> None:
    """By what is wrong; an image by tag could change, and an address is never a package's to choose."""
    assert expected in refused(lambda: opened(packed(tmp_path, **changed)))
    assert not server.connections


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:9000",
        "127.0.0.1:9000",
        "http://me:secret@127.0.0.1:9000",
        "http://127.0.0.1:9000/v2",
        "http://127.0.0.1:9000/?a=b",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_more_than_a_place_is_refused(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it held of a password is not said again."""
    monkeypatch.setenv("HEADGATE_PREDICTOR", address)

    said = refused(lambda: opened(packed(tmp_path)), UsageError)

    assert "is no address of a predictor" in said
    assert "secret" not in said


def test_without_an_address_the_image_to_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else says where it is, least of all the package."""
    monkeypatch.delenv("HEADGATE_PREDICTOR", raising=False)

    said = refused(lambda: opened(packed(tmp_path)))

    assert "HEADGATE_PREDICTOR does not say where it runs" in said
    assert IMAGE in said


def test_what_a_model_takes_and_gives_can_be_read_where_nobody_answers_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drift is measured of what was logged: it needs no image to run."""
    monkeypatch.delenv("HEADGATE_PREDICTOR", raising=False)

    assert "v2" == Loaded(signature(), packed(tmp_path), Digest("0" * 64)).format


@pytest.mark.parametrize(
    "golden",
    [
        b"{}",
        b'{"kind": "golden/1", "rows": [], "answers": []}',
        b'{"kind": "golden/1", "rows": [[1.0]], "answers": [[0.5]]}',
        b'{"kind": "golden/1", "rows": [[1.0, 2.0]], "answers": []}',
        b'{"kind": "golden/1", "rows": [[1.0, 2.0]], "answers": [[0.5, 0.5]]}',
    ],
)
def test_golden_rows_that_are_none_of_the_model_are_refused(golden: bytes, tmp_path: Path) -> None:
    """They would be agreed with by nobody, or by anybody."""
    made = packed(tmp_path)

    assert "golden" in refused(lambda: opened(Packed("v2", {**made.files, "golden.json": golden})))
