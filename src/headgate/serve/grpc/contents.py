"""Tensors as protobuf holds them: typed contents, or raw bytes beside all of them."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from headgate.serve.protocols.binary import DTYPES, BinaryTensor, bytes_of
from headgate.serve.protocols.v2 import Output, Tensor, rows_of
from headgate.serve.refusal import RefusalError, quoted

FIELDS: dict[str, str] = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Datatype → the field of InferTensorContents that has its values; FP16 is sent raw alone."""

LENGTH = struct.Struct("<I")
"""Stands before each text of BYTES."""


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
        yield of_bytes(item, raw[place]) if raw else of_fields(item)


def of_bytes(item: Any, raw: bytes) -> BinaryTensor:
    """Return an input with its raw bytes, as many as its shape says."""
    tensor = described(item, raw)
    kind = DTYPES.get(item.datatype)
    if kind is not None and rows_of(tensor) * kind.itemsize != len(raw):
        raise RefusalError(
            f"input {quoted(item.name)} has {len(raw)} raw bytes; its shape {list(item.shape)} of {item.datatype} says "
            f"{rows_of(tensor) * kind.itemsize}"
        )
    return tensor


def of_fields(item: Any) -> BinaryTensor:
    """Return an input with its typed values as bytes; none where the datatype is unknown, which the door refuses."""
    field = FIELDS.get(item.datatype)
    if field is None and item.datatype in DTYPES:
        raise RefusalError(f"input {quoted(item.name)} has no raw bytes; {item.datatype} is sent in raw_input_contents")
    if field is None:
        return described(item, b"")
    filled = [name.name for name, _ in item.contents.ListFields()]
    if wrong := [name for name in filled if name != field]:
        raise RefusalError(f"input {quoted(item.name)} has {wrong[0]}; {item.datatype} is sent in {field}")
    values = getattr(item.contents, field)
    count = rows_of(described(item, b""))
    if len(values) != count:
        raise RefusalError(
            f"input {quoted(item.name)} has {len(values)} values; its shape {list(item.shape)} says {count}"
        )
    return described(item, packed(item, values))


def packed(item: Any, values: Sequence[Any]) -> bytes:
    if item.datatype == "BYTES":
        return b"".join([LENGTH.pack(len(value)) + value for value in values])
    try:
        return np.array(values, DTYPES[item.datatype]).tobytes()
    except OverflowError as err:
        raise RefusalError(f"input {quoted(item.name)} is not {item.datatype}: {err}") from err


def described(item: Any, content: bytes) -> BinaryTensor:
    return BinaryTensor(item.name, tuple(item.shape), item.datatype, content=memoryview(content))


def fill(message: Any, outputs: Sequence[Output], *, raw: bool) -> None:
    """Write the outputs into a response, as the request's inputs came."""
    for output in outputs:
        made = message.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        if raw:
            message.raw_output_contents.append(bytes_of(output))
        else:
            values = [value.encode() for value in output.data] if output.datatype == "BYTES" else output.data
            getattr(made.contents, FIELDS[output.datatype]).extend(values)
