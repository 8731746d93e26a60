"""Calls of the server over gRPC: V2's JSON requests as messages, typed or raw."""

import struct
from typing import Any

import grpc
import pytest

from headgate.serve.grpc.messages import SERVICE, InferRequest, InferResponse
from unit.serve.running import Running

FIELDS = {
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "INT64": "int64_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
    "BOOL": "bool_contents",
}


def open_channel(server: Running) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{server.facts['grpc_port']}", [("grpc.use_local_subchannel_pool", 1)])


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


def infer(channel: grpc.Channel, message: Any) -> Any:
    content = message if isinstance(message, bytes) else message.SerializeToString()
    return channel.unary_unary(f"/{SERVICE}/ModelInfer", None, InferResponse.FromString)(content, timeout=10)


def refusal(channel: grpc.Channel, message: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as found:
        infer(channel, message)
    return found.value.code(), found.value.details()
