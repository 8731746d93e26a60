"""A fit function may say which image answers for its model; the record and version.yaml then name the image."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from test_fit import dataset
from worlds_to_learn import service, varied, world

from fakes.predictor import answering
from headgate.errors import PermanentError
from headgate.models import v2_golden
from headgate.names import Digest
from headgate.records.codec import decode, encode
from headgate.records.model import Model
from headgate.train.fit import Fitted, fit, record

IMAGE = f"registry.example/own@sha256:{'a' * 64}"
OWN: dict[str, Any] = {
    "image": IMAGE,
    "model": "own",
    "inputs": [{"name": "all"}],
    "output": {"name": "y", "datatype": "FP64"},
    "files": ["model.rds"],
}


def fitted(folder: Path) -> Fitted:
    def own(train: Any, tune: Any, params: Any, seed: int) -> Path:
        (folder / "predictor.json").write_text(json.dumps(OWN))
        (folder / "model.rds").write_bytes(b"RDX3\n")
        return folder

    return fit(world(300), world(100, seed=1), varied(service(), entrypoint="own:fit"), entrypoint=own)


def test_a_described_image_is_a_model_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scored on the tune rows, packed with its files and golden rows from the lowest answer to the highest."""
    with answering() as server:
        server.weights = (1.0, 0.05, 0.0, 0.0, 0.0, 0.0)
        monkeypatch.setenv("HEADGATE_PREDICTOR", server.address)
        made = fitted(tmp_path)
        told = record(made, Digest("e" * 64), dataset(timed=False), code="code", lock="lock")

    golden = decode(made.packed.files["golden.json"], v2_golden.Golden)
    answers = [answer for (answer,) in golden.answers]
    assert ("v2", b"RDX3\n") == (made.packed.format, made.packed.files["model.rds"])
    assert answers == sorted(answers)
    assert 8 == len(answers)
    np.testing.assert_allclose(server.predicted(golden.matrix), answers, rtol=1e-6)
    assert made.tune_score is not None
    assert IMAGE == told.predictor
    assert told == decode(encode(told), Model)


def test_a_model_without_an_image_is_recorded_as_it_was() -> None:
    """Documents of before have the digests that they had."""
    made = fit(world(300), world(100), service())

    told = record(made, Digest("e" * 64), dataset(timed=False), code="code", lock="lock")

    assert b'"predictor"' not in encode(told)
    assert told.predictor is msgspec.UNSET


def test_an_image_that_says_nonsense_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training ends, by what is wrong with the answers."""
    with answering() as server:
        monkeypatch.setenv("HEADGATE_PREDICTOR", server.address)
        server.weights = (0.0,) * 6
        server.task = "regression"
        server.bias = 1000.0

        with pytest.raises(PermanentError, match="answered 1000, which is no probability"):
            fitted(tmp_path)
