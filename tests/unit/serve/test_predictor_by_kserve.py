"""kserve's own ModelServer as the image that answers for a model, from an environment of its own."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.errors import PermanentError
from headgate.models import saved, v2_golden
from headgate.models.loading import Loaded
from headgate.names import Digest
from unit.serve.running import World
from unit.serve.test_kserve_model import PYTHON, pytestmark, wait
from unit.serve.test_predictor_image import OWN, SIGNATURE, X

__all__ = ["pytestmark"]  # long, and only where kserve is

SERVER = """
import sys
import numpy as np
from kserve import InferOutput, InferResponse, Model, ModelServer

class Own(Model):
    def __init__(self):
        super().__init__("own")
        self.ready = True

    def predict(self, request, headers=None, response_headers=None):
        x = request.inputs[0].as_numpy()
        y = 1 / (1 + np.exp(-np.nan_to_num(x).astype(float) @ np.array([0.5, float(sys.argv[2])])))
        output = InferOutput("y", [len(y)], "FP64", y.tolist())
        return InferResponse(request.id, "own", [output])

ModelServer(http_port=int(sys.argv[1]), workers=1, enable_grpc=False).start([Own()])
"""


@pytest.fixture
def kserve(tmp_path: Path) -> Iterator[Any]:
    """Start kserve with a weight at a port."""
    running = []

    def start(weight: float) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with (tmp_path / "kserve.txt").open("wb") as said:
            command = [PYTHON, "-c", SERVER, str(port), str(weight)]
            running.append(subprocess.Popen(command, stdout=said, stderr=said, cwd=tmp_path))
        wait(running[-1], port, World(tmp_path, tmp_path, Digest(""), tmp_path))
        return f"http://127.0.0.1:{port}"

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_kserve_answers_for_a_model_and_another_one_does_not(
    kserve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its V2 is not ours: it says no version, and which bytes it reads it keeps to itself."""
    told = {key: value for key, value in OWN.items() if key != "version"}
    (tmp_path / "predictor.json").write_text(json.dumps(told))
    made = saved.read(tmp_path / "predictor.json")
    rows = np.nan_to_num(X).astype(float)
    monkeypatch.setenv("HEADGATE_PREDICTOR", kserve(-0.25))

    answers = Loaded(SIGNATURE, made, Digest("0" * 64)).predict_matrix(X)
    golden = v2_golden.with_golden(made, X, answers)

    np.testing.assert_allclose(1 / (1 + np.exp(-rows @ np.array([0.5, -0.25]))), answers, atol=1e-6)
    np.testing.assert_array_equal(answers, Loaded(SIGNATURE, golden, Digest("0" * 64)).predict_matrix(X))
    monkeypatch.setenv("HEADGATE_PREDICTOR", kserve(-0.26))
    with pytest.raises(PermanentError, match="is not the one that this model was trained with"):
        Loaded(SIGNATURE, golden, Digest("0" * 64)).check()
