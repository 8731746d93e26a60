"""Whatever comes over gRPC, it is refused in HTTP's words, and the next call gets its answer."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from headgate.serve.grpc.messages import SERVICE
from unit.serve.calling import infer, open_channel, raw, refusal, typed
from unit.serve.running import Running, changed, rides, tensor

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
def test_a_bad_request_is_refused_in_https_words(channel: grpc.Channel, grpc_server: Running, request_: Any) -> None:
    """INVALID_ARGUMENT, the input named, and the next good one gets its answer."""
    over_http = changed(request_, "distance", data=[1e999]) if "inf" in str(request_) else request_

    code, words = refusal(channel, typed(request_))
    good = infer(channel, typed(rides()))

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert good.outputs[0].name == "probability"
    if over_http is request_:
        assert words == grpc_server.infer(request_).json["error"]
    else:
        assert words == "input 'distance' has an infinite value; expected finite numbers"


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


def test_another_model_or_version_is_not_found(channel: grpc.Channel, grpc_server: Running) -> None:
    """The words are those of HTTP's 404."""
    wrong_name = refusal(channel, typed(rides(), model="ride"))
    wrong_version = refusal(channel, typed(rides(), version="1"))
    with pytest.raises(grpc.RpcError) as page:
        channel.unary_unary(f"/{SERVICE}/ModelReady")(b"\x0a\x04ride", timeout=10)

    assert wrong_name == (grpc.StatusCode.NOT_FOUND, grpc_server.ask("/v2/models/ride").json["error"])
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


def test_a_method_that_is_not_there_is_unimplemented(channel: grpc.Channel) -> None:
    """gRPC's own word for it."""
    with pytest.raises(grpc.RpcError) as found:
        channel.unary_unary(f"/{SERVICE}/RepositoryIndex")(b"", timeout=10)

    assert found.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_client_that_leaves_harms_nobody(grpc_server: Running) -> None:
    """Half a preface, then nothing."""
    with socket.create_connection(("127.0.0.1", grpc_server.facts["grpc_port"]), timeout=5) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM")
    with socket.create_connection(("127.0.0.1", grpc_server.facts["grpc_port"]), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
    with open_channel(grpc_server) as channel:
        assert infer(channel, typed(rides())).outputs
