"""V2 over gRPC against a real server: HTTP's answers, in messages."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput

from headgate.serve.grpc.messages import SERVICE
from unit.serve.calling import infer, raw, refusal, typed
from unit.serve.running import Running, changed, rides

NUMPY = {"INT64": np.int64, "FP64": np.float64, "BYTES": np.object_}


@pytest.fixture
def triton(grpc_server: Running) -> Iterator[InferenceServerClient]:
    client = InferenceServerClient(f"127.0.0.1:{grpc_server.facts['grpc_port']}")
    yield client
    client.close()


def inputs_of(request: dict[str, Any]) -> list[InferInput]:
    """Return V2's JSON request as Triton's client builds it: raw."""
    made = []
    for item in request["inputs"]:
        one = InferInput(item["name"], item["shape"], item["datatype"])
        one.set_data_from_numpy(np.array(item["data"], NUMPY[item["datatype"]]))
        made.append(one)
    return made


def test_tritons_client_gets_https_answer(triton: InferenceServerClient, grpc_server: Running) -> None:
    """Raw both ways, the id back, the same scores to the last bit."""
    wanted = [InferRequestedOutput("probability")]

    answer = triton.infer("rides", inputs_of(rides(3)), outputs=wanted, request_id="seven")

    assert answer.get_response().id == "seven"
    assert answer.get_response().model_version == grpc_server.facts["model"]
    assert answer.as_numpy("probability").tolist() == grpc_server.infer(rides(3)).json["outputs"][0]["data"]


def test_tritons_client_is_told_of_server_and_model(triton: InferenceServerClient, grpc_server: Running) -> None:
    """What HTTP's pages say, in messages."""
    version = grpc_server.facts["model"]
    over_http = grpc_server.ask("/v2/models/rides").json

    about = triton.get_model_metadata("rides", version, as_json=True)

    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("rides", version)
    assert triton.get_server_metadata().version == grpc_server.ask("/v2").json["version"]
    assert (about["name"], about["versions"], about["platform"]) == ("rides", [version], over_http["platform"])
    assert [(one["name"], one["datatype"]) for one in about["inputs"] + about["outputs"]] == [
        (one["name"], one["datatype"]) for one in over_http["inputs"] + over_http["outputs"]
    ]


def test_typed_contents_get_typed_contents(channel: grpc.Channel, grpc_server: Running) -> None:
    """Who sends no raw bytes gets none."""
    answer = infer(channel, typed({**rides(2), "id": "x"}, version=grpc_server.facts["model"]))

    assert list(answer.outputs[0].contents.fp64_contents) == grpc_server.infer(rides(2)).json["outputs"][0]["data"]
    assert list(answer.outputs[0].shape) == [2]
    assert not answer.raw_output_contents
    assert answer.id == "x"


def test_the_answer_says_which_model_gave_it(channel: grpc.Channel, grpc_server: Running) -> None:
    """In its metadata, as HTTP in its header."""
    call = channel.unary_unary(f"/{SERVICE}/ModelInfer").with_call(typed(rides()).SerializeToString(), timeout=10)[1]

    assert ("headgate-model", grpc_server.facts["model"]) in [tuple(one) for one in call.initial_metadata()]


@pytest.mark.parametrize("datatype", [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)])
def test_every_datatype_of_whole_numbers_gets_the_same_answer(channel: grpc.Channel, datatype: str) -> None:
    """Typed in the field that the protocol has for it, or raw in its width."""
    request = changed(rides(), "seats", datatype=datatype)
    content = np.array([2], datatype.lower()).tobytes()

    by_field, by_bytes = infer(channel, typed(request)), infer(channel, raw(request, seats=content))

    assert by_bytes.raw_output_contents[0] == np.float64(by_field.outputs[0].contents.fp64_contents[0]).tobytes()


def test_nan_is_a_missing_value_where_the_contract_allows_one(channel: grpc.Channel) -> None:
    """Half of `distance` may be missing; protobuf has no null."""
    answer = infer(channel, raw(changed(rides(), "distance", data=[float("nan")])))

    assert len(answer.raw_output_contents) == 1


def test_calls_are_counted_with_https_requests(channel: grpc.Channel, grpc_server: Running) -> None:
    """The same codes in the same counter, so that the canary's questions see them."""
    lines = [
        f'headgate_requests_total{{code="{code}",model="{grpc_server.facts["model"]}",service="rides"}}'
        for code in (200, 400)
    ]
    before = [grpc_server.metric(line) for line in lines]

    infer(channel, typed(rides()))
    refusal(channel, b"\xff")

    assert [grpc_server.metric(line) for line in lines] == [before[0] + 1, before[1] + 1]
