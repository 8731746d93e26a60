"""The binary tensor extension: tensors as bytes behind the JSON that describes them, in requests and in answers.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md. Numbers are
looked at where they lie, without a copy; NaN is a missing value, as null is in JSON. Bytes are little-endian.
"""

import struct
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from headgate.serve.protocols import v2
from headgate.serve.protocols.v2 import Output, Request, Response, Tensor
from headgate.serve.refusal import RefusalError, quoted

HEADER = b"inference-header-content-length"
"""How many bytes of the body are JSON; its presence says that tensors follow."""

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}
"""Datatypes of fixed size; BYTES are texts, each with its length in four bytes before it."""


class BinaryTensor(Tensor, gc=False):
    """An input whose values lie behind the JSON."""

    content: memoryview = memoryview(b"")


class Mixed(bytes):
    """An answer's JSON with tensors behind it."""

    json_bytes: int


def decode(body: bytes, length: bytes, most_rows: int) -> Request:
    """Return the request in `body`, `length` bytes of which are JSON; RefusalError names what does not fit."""
    request = v2.decode(body[: json_bytes(length, len(body))])
    content = memoryview(body)[int(length) :]
    inputs, start = [], 0
    for tensor in request.inputs:
        size = size_of(tensor, len(content) - start)
        inputs.append(tensor if size is None else laid(tensor, content[start : start + size], most_rows))
        start += size or 0
    if start != len(content):
        raise RefusalError(f"{len(content) - start:,} bytes are left over behind the {start:,} that the inputs claim")
    return msgspec.structs.replace(request, inputs=tuple(inputs))


def json_bytes(length: bytes, body_bytes: int) -> int:
    if not length.isdigit() or len(length) > 20 or int(length) > body_bytes:
        raise RefusalError(
            f"inference-header-content-length is {quoted(length.decode(errors='replace'))}; expected how many of the "
            f"body's {body_bytes:,} bytes are JSON"
        )
    return int(length)


def size_of(tensor: Tensor, left_bytes: int) -> int | None:
    """Return how many bytes of an input follow; none when its values are in the JSON."""
    size = tensor.parameters.binary_data_size if tensor.parameters else None
    if size is None:
        return None
    if tensor.data:
        raise RefusalError(f"input {quoted(tensor.name)} has both data and binary_data_size; expected one of them")
    if not 0 <= size <= left_bytes:
        raise RefusalError(
            f"input {quoted(tensor.name)} has binary_data_size {size}, and {left_bytes:,} bytes are left for it"
        )
    return size


def laid(tensor: Tensor, content: memoryview, most_rows: int) -> BinaryTensor:
    """Return the tensor with its bytes, as many as its shape says."""
    count = v2.rows_of(tensor)
    kind = DTYPES.get(tensor.datatype)
    if kind is not None and count * kind.itemsize != len(content):
        raise RefusalError(
            f"input {quoted(tensor.name)} has binary_data_size {len(content)}; its shape {list(tensor.shape)} of "
            f"{tensor.datatype} says {count * kind.itemsize}"
        )
    if count > most_rows:
        raise RefusalError(
            f"input {quoted(tensor.name)} has {count:,} rows; at most {most_rows:,} are answered at a time"
        )
    return BinaryTensor(tensor.name, tensor.shape, tensor.datatype, content=content)


def values_of(tensor: Tensor) -> list[Any]:
    """Return a tensor's values, however they were sent; null where one is missing."""
    if not isinstance(tensor, BinaryTensor):
        return v2.values_of(tensor)
    if tensor.datatype == "BYTES":
        return texts_of(tensor)
    return listed(array_of(tensor))


def array_of(tensor: BinaryTensor) -> NDArray[Any]:
    """Return a view of a tensor's numbers."""
    kind = DTYPES.get(tensor.datatype)
    if kind is None:
        known = ", ".join([*DTYPES, "BYTES"])
        raise RefusalError(f"input {quoted(tensor.name)} has datatype {quoted(tensor.datatype)}; known here: {known}")
    if tensor.datatype == "BOOL" and np.frombuffer(tensor.content, np.uint8).max(initial=0) > 1:
        raise RefusalError(f"input {quoted(tensor.name)} is not BOOL: expected bytes that are 0 or 1")
    return np.frombuffer(tensor.content, kind)


def listed(values: NDArray[Any]) -> list[Any]:
    """Return numbers as a list, null for NaN.

    >>> listed(np.array([1.5, np.nan]))
    [1.5, None]
    """
    found: list[Any] = values.tolist()
    if values.dtype.kind == "f" and np.isnan(values).any():
        return [None if value != value else value for value in found]  # noqa: PLR0124 - NaN alone differs from itself
    return found


def texts_of(tensor: BinaryTensor) -> list[str]:
    content, count, start = tensor.content, v2.rows_of(tensor), 0
    texts = []
    for place in range(count):
        if start + 4 > len(content):
            raise short(tensor, place)
        (size,) = struct.unpack_from("<I", content, start)
        start += 4 + size
        if start > len(content):
            raise short(tensor, place)
        try:
            texts.append(str(content[start - size : start], "utf-8"))
        except UnicodeDecodeError as err:
            raise RefusalError(f"input {quoted(tensor.name)} is not BYTES: [{place}] is no UTF-8 text") from err
    if start != len(content):
        raise RefusalError(
            f"input {quoted(tensor.name)} has {len(content) - start:,} bytes behind the {count:,} texts of its shape"
        )
    return texts


def short(tensor: Tensor, place: int) -> RefusalError:
    return RefusalError(
        f"input {quoted(tensor.name)} ends within [{place}]; each text of BYTES has its length in four bytes before it"
    )


def floats_of(tensors: Sequence[Tensor]) -> Sequence[Any] | None:
    """Return the values of several tensors of floats, read at once; None when one of them holds anything else."""
    if not any([type(tensor) is BinaryTensor for tensor in tensors]):  # noqa: C419 - a list is quicker
        return v2.floats_of(tensors)
    if all(isinstance(tensor, BinaryTensor) for tensor in tensors):
        return [np.frombuffer(tensor.content, DTYPES[tensor.datatype]) for tensor in tensors]  # type: ignore[attr-defined]
    return None


def wanted(request: Request) -> frozenset[str] | None:
    """Return which outputs shall come as bytes: None when none of them, an empty set when all."""
    if not request.outputs:
        return frozenset() if request.parameters and request.parameters.binary_data_output else None
    by_default = bool(request.parameters and request.parameters.binary_data_output)
    names = [
        output.name
        for output in request.outputs
        if (
            output.parameters.binary_data
            if output.parameters and output.parameters.binary_data is not None
            else by_default
        )
    ]
    return frozenset(names) if names else None


def encode(response: Response) -> bytes:
    """Return the response; outputs that shall come as bytes lie behind its JSON."""
    if response.binary is None:
        return v2.encode(response)
    contents = []
    outputs = []
    for output in response.outputs:
        if is_wanted(output, response.binary):
            contents.append(bytes_of(output))
            outputs.append(Described(output.name, output.datatype, output.shape, Size(len(contents[-1]))))
        else:
            outputs.append(output)
    head = v2.ENCODER.encode(msgspec.structs.replace(response, outputs=outputs, binary=None))
    made = Mixed(b"".join([head, *contents]))
    made.json_bytes = len(head)
    return made


def is_wanted(output: Output, names: Collection[str]) -> bool:
    return not names or output.name in names


class Size(msgspec.Struct):
    """The parameters of an output whose values lie behind the JSON."""

    binary_data_size: int


class Described(msgspec.Struct):
    """An output whose values lie behind the JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: Size


def bytes_of(output: Output) -> bytes:
    """Return an output's values as bytes.

    >>> bytes_of(Output("label", "BYTES", (2,), ["a", "ü"])).hex()
    '010000006102000000c3bc'
    """
    if output.datatype != "BYTES":
        return np.asarray(output.data, DTYPES[output.datatype]).tobytes()
    texts = [text.encode() for text in output.data]
    return b"".join([struct.pack("<I", len(text)) + text for text in texts])
