"""Clients that others wrote get the right answers: Triton's over HTTP, and bodies as KServe's sends them."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from unit.serve.running import Running, rides, running, world


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of this file."""
    with running(world(tmp_path_factory.mktemp("rides")).options()) as one:
        yield one


@pytest.fixture
def triton(server: Running) -> Iterator[InferenceServerClient]:
    client = InferenceServerClient(f"127.0.0.1:{server.port}")
    yield client
    client.close()


NUMPY = {"INT64": np.int64, "FP64": np.float64, "BYTES": np.object_}


def inputs_of(request: dict[str, Any], *, binary: bool) -> list[InferInput]:
    """Return V2's JSON request as Triton's client builds it."""
    made = []
    for item in request["inputs"]:
        one = InferInput(item["name"], item["shape"], item["datatype"])
        one.set_data_from_numpy(np.array(item["data"], NUMPY[item["datatype"]]), binary_data=binary)
        made.append(one)
    return made


def test_tritons_client_is_told_of_server_and_model(triton: InferenceServerClient, server: Running) -> None:
    """Health, metadata and readiness, by version too."""
    version = server.facts["model"]

    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("rides")
    assert triton.is_model_ready("rides", version)
    assert not triton.is_model_ready("rides", "1")
    assert triton.get_server_metadata()["name"] == "headgate"
    assert triton.get_model_metadata("rides", version)["inputs"][0] == {
        "name": "rider",
        "datatype": "INT64",
        "shape": [-1],
    }


@pytest.mark.parametrize("sent", [False, True], ids=["json", "bytes"])
@pytest.mark.parametrize("wanted", [False, True, None], ids=["json back", "bytes back", "nothing said"])
def test_tritons_client_gets_the_answer(
    triton: InferenceServerClient, server: Running, sent: bool, wanted: bool | None
) -> None:
    """As JSON or as bytes, either way: the same scores as a plain request; the id comes back."""
    outputs = None if wanted is None else [InferRequestedOutput("probability", binary_data=wanted)]

    answer = triton.infer("rides", inputs_of(rides(3), binary=sent), outputs=outputs, request_id="seven")

    assert answer.get_response()["id"] == "seven"
    assert answer.as_numpy("probability").tolist() == server.infer(rides(3)).json["outputs"][0]["data"]


def test_tritons_client_gets_the_answer_in_bytes(triton: InferenceServerClient, server: Running) -> None:
    """As it sends and asks by default; the scores are those of JSON, to the last bit."""
    answer = triton.infer("rides", inputs_of(rides(3), binary=True), request_id="eight")

    assert answer.get_response()["id"] == "eight"
    assert answer.get_response()["outputs"][0]["parameters"] == {"binary_data_size": 24}
    assert answer.as_numpy("probability").tolist() == server.infer(rides(3)).json["outputs"][0]["data"]


def test_tritons_client_reads_the_refusal(triton: InferenceServerClient) -> None:
    """Its exception has our words."""
    bad = rides()
    bad["inputs"][4]["data"] = [9]

    with pytest.raises(InferenceServerException, match="input 'seats' has 9; expected at most 8"):
        triton.infer("rides", inputs_of(bad, binary=False), outputs=[InferRequestedOutput("probability", False)])


def as_kserve_sends(request: dict[str, Any]) -> bytes:
    """Return the body that KServe's InferRequest.to_rest makes of the same request."""
    return json.dumps({"id": "seven", "model_name": "rides", **request}).encode()


def test_a_body_as_kserves_client_sends_it_is_answered(server: Running) -> None:
    """It names the model in the body as well."""
    answer = server.infer(as_kserve_sends(rides(2)))

    assert answer.status == 200
    assert answer.json["id"] == "seven"
    assert answer.json["outputs"] == server.infer(rides(2)).json["outputs"]
