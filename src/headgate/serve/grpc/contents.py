"""Tensors as protobuf holds them: typed contents, or raw bytes beside all of them."""

import math
import struct
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from headgate.serve.protocol import Output, Tensor
from headgate.serve.refusal import RefusalError, quoted

NUMBERS: dict[str, str] = {"BOOL": "?", "INT32": "<i4", "INT64": "<i8", "FP32": "<f4", "FP64": "<f8"}
"""Datatype → how numpy reads its raw bytes."""
FIELDS: dict[str, str] = {
    "BOOL": "bool_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Datatype → the field of InferTensorContents that has its values."""
LENGTH = struct.Struct("<I")


def tensors_of(message: Any) -> Iterator[Tensor]:
    """Yield a request's inputs; RefusalError names the one whose contents are not those of its datatype."""
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise RefusalError(f"there are {len(raw)} raw_input_contents for {len(message.inputs)} inputs")
    for place, item in enumerate(message.inputs):
        if raw and item.HasField("contents"):
            raise RefusalError(
                f"input {quoted(item.name)} has contents beside raw_input_contents; expected one of them"
            )
        values = of_bytes(item, raw[place]) if raw else of_fields(item)
        yield Tensor(item.name, tuple(item.shape), item.datatype, msgspec.Raw(msgspec.json.encode(values)))


def of_fields(item: Any) -> list[Any]:
    """Return the typed values of an input; none of them where the datatype is unknown, which the door refuses."""
    field = FIELDS.get(item.datatype)
    if field is None:
        return []
    filled = [name.name for name, _ in item.contents.ListFields()]
    if wrong := [name for name in filled if name != field]:
        raise RefusalError(f"input {quoted(item.name)} has {wrong[0]}; {item.datatype} is sent in {field}")
    values = list(getattr(item.contents, field))
    return text(item.name, values) if item.datatype == "BYTES" else finite(item.name, values)


def of_bytes(item: Any, raw: bytes) -> list[Any]:
    """Return the values in an input's raw bytes."""
    if item.datatype == "BYTES":
        return text(item.name, [*pieces(item.name, raw)])
    if item.datatype not in NUMBERS:
        return []
    kind = np.dtype(NUMBERS[item.datatype])
    if len(raw) % kind.itemsize:
        raise RefusalError(
            f"input {quoted(item.name)} has {len(raw)} raw bytes; {item.datatype} takes {kind.itemsize} a value"
        )
    return finite(item.name, np.frombuffer(raw, kind).tolist())


def pieces(name: str, raw: bytes) -> Iterator[bytes]:
    """Yield what follows each length."""
    at = 0
    while at < len(raw):
        start = at + LENGTH.size
        if start > len(raw) or (at := start + LENGTH.unpack_from(raw, start - LENGTH.size)[0]) > len(raw):
            raise RefusalError(f"input {quoted(name)} has raw bytes that end within a value")
        yield raw[start:at]


def text(name: str, values: Sequence[bytes]) -> list[str]:
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError as err:
        raise RefusalError(f"input {quoted(name)} has text that is not UTF-8") from err


def finite(name: str, values: list[Any]) -> list[Any]:
    """Refuse infinities, which JSON's null would hide; NaN is a missing value."""
    if any(map(math.isinf, values)):
        raise RefusalError(f"input {quoted(name)} has an infinite value; expected finite numbers", reason="contract")
    return values


def fill(message: Any, outputs: Sequence[Output], *, raw: bool) -> None:
    """Write the outputs into a response, as the request's inputs came."""
    for output in outputs:
        made = message.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        if raw:
            message.raw_output_contents.append(as_bytes(output))
        else:
            values = [value.encode() for value in output.data] if output.datatype == "BYTES" else output.data
            getattr(made.contents, FIELDS[output.datatype]).extend(values)


def as_bytes(output: Output) -> bytes:
    if output.datatype != "BYTES":
        return np.asarray(output.data, NUMBERS[output.datatype]).tobytes()
    encoded = [value.encode() for value in output.data]
    return b"".join(chain.from_iterable((LENGTH.pack(len(value)), value) for value in encoded))
