"""Open Inference Protocol V2 over JSON: bytes to named tensors, predictions to bytes.

Source: https://github.com/kserve/open-inference-protocol (REST); `headgate.serve.protocols.binary` has the binary
extension.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from headgate.serve.refusal import RefusalError, quoted

Int8 = Annotated[int, msgspec.Meta(ge=-(2**7), le=2**7 - 1)]
Int16 = Annotated[int, msgspec.Meta(ge=-(2**15), le=2**15 - 1)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
UInt8 = Annotated[int, msgspec.Meta(ge=0, le=2**8 - 1)]
UInt16 = Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)]
UInt32 = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
UInt64 = Annotated[int, msgspec.Meta(ge=0)]

DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "BOOL": msgspec.json.Decoder(list[bool | None]),
    "INT8": msgspec.json.Decoder(list[Int8 | None]),
    "INT16": msgspec.json.Decoder(list[Int16 | None]),
    "INT32": msgspec.json.Decoder(list[Int32 | None]),
    "INT64": msgspec.json.Decoder(list[Int64 | None]),
    "UINT8": msgspec.json.Decoder(list[UInt8 | None]),
    "UINT16": msgspec.json.Decoder(list[UInt16 | None]),
    "UINT32": msgspec.json.Decoder(list[UInt32 | None]),
    "UINT64": msgspec.json.Decoder(list[UInt64 | None]),
    "FP32": msgspec.json.Decoder(list[float | None]),
    "FP64": msgspec.json.Decoder(list[float | None]),
    "BYTES": msgspec.json.Decoder(list[str | None]),
}
"""Datatype → decoder of its flat data; `null` is a missing value, and the contract says where it may be.

FP16 is missing: the protocol has it in binary alone.
"""
NOTHING = msgspec.Raw(b"")
FLOATS = frozenset({"FP32", "FP64"})
LISTS_OF_FLOATS = msgspec.json.Decoder(list[list[float | None]])


class TensorParameters(msgspec.Struct):
    """What an input's parameters may say to this server; all others mean nothing here."""

    binary_data_size: Int64 | None = None


class OutputParameters(msgspec.Struct):
    """What a wanted output's parameters may say to this server."""

    binary_data: bool | None = None


class RequestParameters(msgspec.Struct):
    """What a request's parameters may say to this server."""

    binary_data_output: bool | None = None


class Tensor(msgspec.Struct, gc=False):
    """One named input: shape [n] or [n, 1], values flat; `data` is parsed once its datatype is accepted."""

    name: str
    shape: tuple[Int64, ...]
    datatype: str
    data: msgspec.Raw = NOTHING
    parameters: TensorParameters | None = None


class WantedOutput(msgspec.Struct):
    """An output the client asks for by name."""

    name: str
    parameters: OutputParameters | None = None


class Request(msgspec.Struct):
    """An infer request."""

    inputs: tuple[Tensor, ...]
    id: str | None = None
    outputs: tuple[WantedOutput, ...] = ()
    parameters: RequestParameters | None = None


class Output(msgspec.Struct):
    """One named result."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Sequence[Any]


class Response(msgspec.Struct, omit_defaults=True):
    """An infer response."""

    model_name: str
    model_version: str
    outputs: Sequence[Any]
    id: str | None = None
    binary: frozenset[str] | None = None
    """Which outputs lie as bytes behind the JSON; an empty set: all. It is no part of the JSON."""


class TensorMetadata(msgspec.Struct):
    """One input or output as the model's metadata lists it; -1 is any number of rows."""

    name: str
    datatype: str
    shape: tuple[int, ...]


REQUESTS = msgspec.json.Decoder(Request)
ENCODER = msgspec.json.Encoder()
INVALID_AT = re.compile(r"\$\.inputs\[(\d+)\]")
MALFORMED_AT = re.compile(r"\(byte (\d+)\)")
NAME_BEFORE = re.compile(rb'"name"\s*:\s*"([^"]{0,60})')


def decode(body: bytes) -> Request:
    """Return the request in `body`; RefusalError names what is wrong, and the input where one is."""
    try:
        return REQUESTS.decode(body)
    except msgspec.ValidationError as err:
        raise RefusalError(f"{invalid_input(body, err)} is not as in V2: {explain(err)}") from err
    except RecursionError as err:
        raise RefusalError("the body is nested too deeply; expected flat `data`") from err
    except ValueError as err:
        raise RefusalError(f"{unreadable_input(body, err)} is not JSON: {plain(err)}") from err


def values_of(tensor: Tensor) -> list[Any]:
    """Return a tensor's values in their datatype, as many as its shape says."""
    if not tensor.data:
        sized = tensor.parameters and tensor.parameters.binary_data_size is not None
        why = " (no header inference-header-content-length says where its bytes begin)" if sized else ""
        raise RefusalError(f"input {quoted(tensor.name)} is missing required field data{why}")
    try:
        values: list[Any] = DECODERS[tensor.datatype].decode(tensor.data)
    except KeyError as err:
        known = ", ".join(DECODERS)
        raise RefusalError(
            f"input {quoted(tensor.name)} has datatype {quoted(tensor.datatype)}; known here: {known}"
        ) from err
    except msgspec.ValidationError as err:
        raise RefusalError(f"input {quoted(tensor.name)} is not {tensor.datatype}: {explain(err)}") from err
    except (ValueError, RecursionError) as err:
        raise RefusalError(f"input {quoted(tensor.name)} is not JSON: {plain(err)}") from err
    if len(values) != rows_of(tensor):
        raise RefusalError(
            f"input {quoted(tensor.name)} has {len(values)} values; its shape {list(tensor.shape)} says "
            f"{rows_of(tensor)}"
        )
    return values


def floats_of(tensors: Sequence[Tensor]) -> list[list[float | None]] | None:
    """Return the values of several tensors of floats, read at once; None when one of them holds anything else.

    It says nothing about shapes, nor in which words to refuse: `values_of` does, one tensor after the other.
    """
    try:
        lists = LISTS_OF_FLOATS.decode(b"[" + b",".join([tensor.data for tensor in tensors]) + b"]")
    except (msgspec.DecodeError, RecursionError):
        return None
    return lists if len(lists) == len(tensors) else None


def rows_of(tensor: Tensor) -> int:
    """Return n of a shape [n] or [n, 1]; RefusalError for any other shape."""
    shape = tensor.shape
    if len(shape) not in (1, 2) or shape[0] < 0 or (len(shape) == 2 and shape[1] != 1):
        raise RefusalError(f"input {quoted(tensor.name)} has shape {quoted(list(shape))}; expected [n] or [n, 1]")
    return shape[0]


def encode(response: Response) -> bytes:
    """Return the response's JSON."""
    return ENCODER.encode(response)


def error(message: str) -> bytes:
    """Return the protocol's error document.

    >>> error("no such model")
    b'{"error":"no such model"}'
    """
    return ENCODER.encode({"error": message})


def metadata(service: str, version: str, inputs: Mapping[str, str], outputs: Sequence[TensorMetadata]) -> bytes:
    """Return the model's metadata document; `inputs` is name → datatype."""
    return ENCODER.encode(
        {
            "name": service,
            "versions": [version],
            "platform": "onnx_onnxruntime",
            "inputs": [TensorMetadata(name, datatype, (-1,)) for name, datatype in inputs.items()],
            "outputs": outputs,
        }
    )


class Named(msgspec.Struct):
    """As much of an input as names it."""

    name: Any = None


class Names(msgspec.Struct):
    """As much of a request as names its inputs."""

    inputs: list[Named]


def invalid_input(body: bytes, err: msgspec.ValidationError) -> str:
    """Return which input an error is about, by its place; else "the request"."""
    place = INVALID_AT.search(str(err))
    try:
        name = msgspec.json.decode(body, type=Names).inputs[int(place.group(1))].name if place else None
    except (ValueError, IndexError, RecursionError):
        name = None
    return f"input {quoted(name)}" if isinstance(name, str) else "the request"


def explain(err: msgspec.ValidationError) -> str:
    """Return msgspec's words with the place first: `[3]: expected float, got str`."""
    message, _, path = str(err).partition(" - at `$")
    where = path.strip("`.")
    said = (message[0].lower() + message[1:]).replace("`", "")
    return f"{where}: {said}" if where else said


def plain(err: Exception) -> str:
    """Return a decoder's message without its `JSON is malformed:` in front."""
    return str(err).removeprefix("JSON is malformed: ")[:200]


def unreadable_input(body: bytes, err: Exception) -> str:
    """Return which input the bad byte is in, by the last name before it; else "the body"."""
    at = MALFORMED_AT.search(str(err))
    names = NAME_BEFORE.findall(body, 0, int(at.group(1))) if at else []
    return f"input {quoted(names[-1].decode(errors='replace'))}" if names else "the body"
