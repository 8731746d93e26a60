"""V2 over gRPC against a real server: HTTP's answers, HTTP's refusals, one drain."""

import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput

from headgate.serve.door.limits import Limits
from headgate.serve.grpc.messages import SERVICE, InferRequest, InferResponse
from headgate.specs.environment import Faults
from unit.serve.running import Running, changed, refused, rides, running, tensor, world

LIMITS = Limits(body_bytes=200_000, body_seconds=0.5)
NUMPY = {"INT64": np.int64, "FP64": np.float64, "BYTES": np.object_}
FIELDS = {
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "INT64": "int64_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
    "BOOL": "bool_contents",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of this file."""
    made = world(tmp_path_factory.mktemp("rides"))
    with running(made.options(limits=LIMITS, grpc_port=0)) as one:
        yield one


@pytest.fixture
def channel(server: Running) -> Iterator[grpc.Channel]:
    with open_channel(server) as one:
        yield one


def open_channel(server: Running) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{server.facts['grpc_port']}", [("grpc.use_local_subchannel_pool", 1)])


@pytest.fixture
def triton(server: Running) -> Iterator[InferenceServerClient]:
    client = InferenceServerClient(f"127.0.0.1:{server.facts['grpc_port']}")
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


def typed(request: dict[str, Any], model: str = "rides", version: str = "") -> Any:
    """Return V2's JSON request as a message with typed contents."""
    message = InferRequest(model_name=model, model_version=version, id=request.get("id", ""))
    for item in request["inputs"]:
        one = message.inputs.add(name=item["name"], datatype=item["datatype"], shape=item["shape"])
        values = [value.encode() if isinstance(value, str) else value for value in item["data"]]
        getattr(one.contents, FIELDS.get(item["datatype"], "fp32_contents")).extend(values)
    for output in request.get("outputs", []):
        message.outputs.add(name=output["name"])
    return message


def infer(channel: grpc.Channel, message: Any) -> Any:
    content = message if isinstance(message, bytes) else message.SerializeToString()
    return channel.unary_unary(f"/{SERVICE}/ModelInfer", None, InferResponse.FromString)(content, timeout=10)


def refusal(channel: grpc.Channel, message: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as found:
        infer(channel, message)
    return found.value.code(), found.value.details()


def test_tritons_client_gets_https_answer(triton: InferenceServerClient, server: Running) -> None:
    """Raw both ways, the id back, the same scores to the last bit."""
    wanted = [InferRequestedOutput("probability")]

    answer = triton.infer("rides", inputs_of(rides(3)), outputs=wanted, request_id="seven")

    assert answer.get_response().id == "seven"
    assert answer.get_response().model_version == server.facts["model"]
    assert answer.as_numpy("probability").tolist() == server.infer(rides(3)).json["outputs"][0]["data"]


def test_tritons_client_is_told_of_server_and_model(triton: InferenceServerClient, server: Running) -> None:
    """What HTTP's pages say, in messages."""
    version = server.facts["model"]
    over_http = server.ask("/v2/models/rides").json

    about = triton.get_model_metadata("rides", version, as_json=True)

    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("rides", version)
    assert triton.get_server_metadata().version == server.ask("/v2").json["version"]
    assert (about["name"], about["versions"], about["platform"]) == ("rides", [version], over_http["platform"])
    assert [(one["name"], one["datatype"]) for one in about["inputs"] + about["outputs"]] == [
        (one["name"], one["datatype"]) for one in over_http["inputs"] + over_http["outputs"]
    ]


def test_typed_contents_get_typed_contents(channel: grpc.Channel, server: Running) -> None:
    """Who sends no raw bytes gets none."""
    answer = infer(channel, typed({**rides(2), "id": "x"}, version=server.facts["model"]))

    assert list(answer.outputs[0].contents.fp64_contents) == server.infer(rides(2)).json["outputs"][0]["data"]
    assert list(answer.outputs[0].shape) == [2]
    assert not answer.raw_output_contents
    assert answer.id == "x"


def test_the_answer_says_which_model_gave_it(channel: grpc.Channel, server: Running) -> None:
    """In its metadata, as HTTP in its header."""
    call = channel.unary_unary(f"/{SERVICE}/ModelInfer").with_call(typed(rides()).SerializeToString(), timeout=10)[1]

    assert ("headgate-model", server.facts["model"]) in [tuple(one) for one in call.initial_metadata()]


SAME_WORDS: list[Any] = [
    {"inputs": []},
    changed(rides(), "distance", data=[float("inf")]),
    changed(rides(), "distance", datatype="MAGIC", data=[]),
    changed(rides(), "distance", datatype="BYTES", data=["far"]),
    changed(rides(), "distance", shape=[-1]),
    changed(rides(), "distance", shape=[1, 2]),
    changed(rides(2), "distance", data=[1.0]),
    changed(rides(2), "seats", data=[1], shape=[1]),
    changed(rides(), "seats", data=[9]),
    changed(rides(), "at", data=["2024-02-30"]),
    changed(rides(), "city", data=["bern"]),
    {"inputs": [*rides()["inputs"], tensor("city", "BYTES", ["berne"])]},
    {"inputs": [*rides()["inputs"], tensor("wind", "FP64", [1.0])]},
    {"inputs": [*rides()["inputs"], tensor("late", "BOOL", [True])]},
    {**rides(), "outputs": [{"name": "magic"}]},
    {"inputs": rides()["inputs"][1:]},
]


@pytest.mark.parametrize("request_", SAME_WORDS, ids=str)
def test_a_bad_request_is_refused_in_https_words(channel: grpc.Channel, server: Running, request_: Any) -> None:
    """INVALID_ARGUMENT, the input named, and the next good one gets its answer."""
    over_http = changed(request_, "distance", data=[1e999]) if "inf" in str(request_) else request_

    code, words = refusal(channel, typed(request_))
    good = infer(channel, typed(rides()))

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert good.outputs[0].name == "probability"
    if over_http is request_:
        assert words == server.infer(request_).json["error"]
    else:
        assert words == "input 'distance' has an infinite value; expected finite numbers"


def raw(request: dict[str, Any], **replaced: bytes) -> Any:
    """Return the request with raw contents, some replaced."""
    message = typed(request)
    packed = {"INT64": "<q", "FP64": "<d"}
    for item, one in zip(request["inputs"], message.inputs, strict=True):
        one.ClearField("contents")
        pieces = [
            struct.pack("<I", len(value.encode())) + value.encode()
            if isinstance(value, str)
            else struct.pack(packed.get(item["datatype"], "<q"), value)
            for value in item["data"]
        ]
        message.raw_input_contents.append(replaced.get(item["name"], b"".join(pieces)))
    return message


def fewer(message: Any) -> Any:
    del message.raw_input_contents[-1]
    return message


def both(message: Any) -> Any:
    message.inputs[0].contents.int64_contents.append(1)
    return message


def wrong_field() -> Any:
    message = typed(rides())
    message.inputs[3].contents.fp32_contents.append(1.0)
    return message


BAD_MESSAGES: list[tuple[str, Any]] = [
    ("the message is no ModelInferRequest", b"\xff\xff\xff"),
    ("the message is no ModelInferRequest", b"\x0a\x02\xff\xfe"),
    ("no model '' here; there is 'rides'", b""),
    ("there are 4 raw_input_contents for 5 inputs", fewer(raw(rides()))),
    ("input 'rider' has contents beside raw_input_contents", both(raw(rides()))),
    ("input 'distance' has fp32_contents; FP64 is sent in fp64_contents", wrong_field()),
    ("input 'distance' has 7 raw bytes; its shape [1] of FP64 says 8", raw(rides(), distance=b"1234567")),
    ("input 'distance' has 16 raw bytes; its shape [1] of FP64 says 8", raw(rides(), distance=bytes(16))),
    ("input 'city' ends within [0]", raw(rides(), city=b"\xff\xff\xff\xffberne")),
    ("input 'city' ends within [0]", raw(rides(), city=b"\x01")),
    (
        "input 'distance' has no raw bytes; FP16 is sent in raw_input_contents",
        typed(changed(rides(), "distance", datatype="FP16", data=[])),
    ),
    ("input 'seats' is not INT8: ", typed(changed(rides(), "seats", datatype="INT8", data=[300]))),
    ("input 'city' is not BYTES: [0] is no UTF-8 text", raw(rides(), city=b"\x01\x00\x00\x00\xff")),
]


@pytest.mark.parametrize(("said", "message"), BAD_MESSAGES, ids=[said for said, _ in BAD_MESSAGES])
def test_a_bad_message_is_refused_and_the_next_good_one_answered(
    channel: grpc.Channel, said: str, message: Any
) -> None:
    """Whatever the bytes are."""
    code, words = refusal(channel, message)
    good = infer(channel, raw(rides()))

    assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
    assert said in words
    assert len(good.raw_output_contents) == 1


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


def test_another_model_or_version_is_not_found(channel: grpc.Channel, server: Running) -> None:
    """The words are those of HTTP's 404."""
    wrong_name = refusal(channel, typed(rides(), model="ride"))
    wrong_version = refusal(channel, typed(rides(), version="1"))
    with pytest.raises(grpc.RpcError) as page:
        channel.unary_unary(f"/{SERVICE}/ModelReady")(b"\x0a\x04ride", timeout=10)

    assert wrong_name == (grpc.StatusCode.NOT_FOUND, server.ask("/v2/models/ride").json["error"])
    assert wrong_version[1].startswith("no version '1' of 'rides' here")
    assert page.value.details() == wrong_name[1]


def test_an_error_of_the_owners_function_is_internal(channel: grpc.Channel) -> None:
    """Without its words; the server goes on."""
    code, words = refusal(channel, typed(changed(rides(), "seats", data=[7])))

    assert (code, words) == (grpc.StatusCode.INTERNAL, "the model could not answer; the server's log says why")
    assert infer(channel, typed(rides())).outputs


def test_a_message_over_the_limit_is_refused_unread(channel: grpc.Channel) -> None:
    """RESOURCE_EXHAUSTED, by gRPC itself."""
    code, _ = refusal(channel, b"\x0a" * 300_000)

    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert infer(channel, typed(rides())).outputs


def test_a_message_that_does_not_come_ends_the_call(channel: grpc.Channel) -> None:
    """As a body that does not come gets 408."""
    hold = threading.Event()

    def never() -> Iterator[bytes]:
        hold.wait(20)
        yield b""

    with pytest.raises(grpc.RpcError) as found:
        channel.stream_unary(f"/{SERVICE}/ModelInfer")(never(), timeout=10)
    hold.set()

    assert found.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert found.value.details() == "the message did not come within 0.5 seconds"


def test_calls_are_counted_with_https_requests(channel: grpc.Channel, server: Running) -> None:
    """The same codes in the same counter, so that the canary's questions see them."""
    lines = [
        f'headgate_requests_total{{code="{code}",model="{server.facts["model"]}",service="rides"}}'
        for code in (200, 400)
    ]
    before = [server.metric(line) for line in lines]

    infer(channel, typed(rides()))
    refusal(channel, b"\xff")

    assert [server.metric(line) for line in lines] == [before[0] + 1, before[1] + 1]


def test_a_method_that_is_not_there_is_unimplemented(channel: grpc.Channel) -> None:
    """gRPC's own word for it."""
    with pytest.raises(grpc.RpcError) as found:
        channel.unary_unary(f"/{SERVICE}/RepositoryIndex")(b"", timeout=10)

    assert found.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_client_that_leaves_harms_nobody(server: Running) -> None:
    """Half a preface, then nothing."""
    with socket.create_connection(("127.0.0.1", server.facts["grpc_port"]), timeout=5) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM")
    with socket.create_connection(("127.0.0.1", server.facts["grpc_port"]), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
    with open_channel(server) as channel:
        assert infer(channel, typed(rides())).outputs


def test_calls_that_came_before_sigterm_are_answered(tmp_path: Path) -> None:
    """Drained like HTTP's requests: not one of a stream of calls is dropped while another server takes over."""
    options = world(tmp_path).options(grpc_port=0, faults=Faults(delay_ms=400), linger_seconds=0.1)
    with running(options) as one, open_channel(one) as channel:
        calls = [
            channel.unary_unary(f"/{SERVICE}/ModelInfer", None, InferResponse.FromString).future(
                typed(rides()).SerializeToString(), timeout=10
            )
            for _ in range(20)
        ]
        time.sleep(0.15)

        one.process.send_signal(signal.SIGTERM)
        answers = [call.result() for call in calls]

        assert [1] * 20 == [len(answer.outputs) for answer in answers]
        assert one.process.wait(10) == 0


def test_too_many_calls_at_a_time_are_shed(tmp_path: Path) -> None:
    """UNAVAILABLE with HTTP's words, and counted; those that were let in are answered."""
    options = world(tmp_path).options(grpc_port=0, faults=Faults(delay_ms=300), limits=Limits(in_flight=3))
    with running(options) as one, open_channel(one) as channel:
        ask = channel.unary_unary(f"/{SERVICE}/ModelInfer", None, InferResponse.FromString)
        calls = [ask.future(typed(rides()).SerializeToString(), timeout=10) for _ in range(9)]
        codes = [call.code() for call in calls]

        assert codes.count(grpc.StatusCode.OK) == 3
        assert codes.count(grpc.StatusCode.UNAVAILABLE) == 6
        assert one.metric('headgate_rejected_total{reason="overload",service="rides"}') == 6


def test_without_its_packages_the_extra_is_named(tmp_path: Path) -> None:
    """Whoever asks for gRPC and has none is told what to install, not shown an import's traceback."""
    made = world(tmp_path)
    code = "import sys; sys.modules['grpc'] = None; from headgate.cli import main; main()"
    words = ["serve", "--model", made.model, "--sha256", made.sha256, "--service-file", tmp_path / "service.yaml"]

    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words), "--port", "0", "--grpc-port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "error: this needs package 'grpc'",
        "  next: pip install 'headgate[grpc]'",
    ]


def test_a_port_that_is_taken_is_known_before_the_model_is_read(tmp_path: Path) -> None:
    """Exit code and next move as for HTTP's."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = refused(world(tmp_path).options(grpc_port=taken.getsockname()[1]))

    assert code == 75
    assert "choose another --grpc-port" in said
