"""What is asked of a V2 server and what it answers: encoded rows out, checked numbers in."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from headgate.errors import PermanentError
from headgate.models.formats import Matrix
from headgate.models.signature import Signature
from headgate.specs.predictor import PredictorImage, PredictorTensor

LENGTH = "inference-header-content-length"
"""How many bytes of a body are JSON; the tensors follow."""
ID = "headgate"
"""V2 lets it be left out; kserve answers 500 where it is."""
KINDS: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "FP64": np.dtype("<f8")}
CLOSE_TO_ONE = 1e-6
"""How far a rounded probability may lie outside 0 to 1."""
FLAT = msgspec.json.Decoder(list[float])
NESTED = msgspec.json.Decoder(list[list[float]])


class Body(NamedTuple):
    """A request's content, with the headers that describe it."""

    content: bytes
    headers: Mapping[str, str]


class TensorParameters(msgspec.Struct):
    """As much of a tensor's parameters as counts here."""

    binary_data_size: int | None = None


class AnsweredTensor(msgspec.Struct):
    """One output, its numbers here or behind the JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: TensorParameters | None = None


class Answered(msgspec.Struct):
    """As much of an answer as counts here."""

    model_name: str
    outputs: tuple[AnsweredTensor, ...]
    model_version: str | None = None


def request(matrix: Matrix, image: PredictorImage, *, binary: bool) -> Body:
    """Return the request for some rows: tensors as bytes where the server reads them, else as lists."""
    tensors = laid_out(matrix, image)
    inputs = [described(tensor, values, binary=binary) for tensor, values in tensors]
    wanted = {"name": image.output.name, "parameters": {"binary_data": binary}}
    head = msgspec.json.encode({"id": ID, "inputs": inputs, "outputs": [wanted]})
    if not binary:
        return Body(head, {"content-type": "application/json"})
    headers = {"content-type": "application/octet-stream", LENGTH: str(len(head))}
    return Body(b"".join([head, *(values.tobytes() for _, values in tensors)]), headers)


def laid_out(matrix: Matrix, image: PredictorImage) -> list[tuple[PredictorTensor, NDArray[Any]]]:
    """Return each input tensor with its numbers."""
    if len(image.inputs) == 1:
        return [(image.inputs[0], matrix.astype(KINDS[image.inputs[0].datatype], order="C"))]
    columns = (matrix[:, place : place + 1] for place in range(matrix.shape[1]))
    return [
        (tensor, column.astype(KINDS[tensor.datatype])) for tensor, column in zip(image.inputs, columns, strict=True)
    ]


def described(tensor: PredictorTensor, values: NDArray[Any], *, binary: bool) -> dict[str, Any]:
    about = {"name": tensor.name, "shape": list(values.shape), "datatype": tensor.datatype}
    if binary:
        return {**about, "parameters": {"binary_data_size": values.nbytes}}
    return {**about, "data": [None if value != value else value for value in values.ravel().tolist()]}  # noqa: PLR0124 - NaN


def numbers(body: bytes, length: str | None, image: PredictorImage, signature: Signature, rows: int) -> NDArray[Any]:
    """Return the answer's numbers (rows, columns); PermanentError where it is not what was asked for."""
    head, behind = halves(body, length)
    answer = decoded(head)
    refuse_other_model(answer, image)
    tensor, content = wanted(answer.outputs, behind, image.output.name)
    refuse_kind(tensor, image.output)
    refuse_shape(tensor.shape, signature, rows)
    values = array_of(tensor, content, rows)
    refuse_values(values, signature)
    return values


def halves(body: bytes, length: str | None) -> tuple[bytes, bytes]:
    """Return an answer's JSON and what lies behind it."""
    if length is None:
        return body, b""
    if not length.isascii() or not length.isdigit() or len(length) > 20 or int(length) > len(body):
        raise garbage(f"{LENGTH} {length[:40]!r} of {len(body):,} bytes")
    return body[: int(length)], body[int(length) :]


def decoded(head: bytes) -> Answered:
    try:
        return msgspec.json.decode(head, type=Answered)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise garbage(f"{str(err)[:200]}: {head[:80]!r}") from err


def refuse_other_model(answer: Answered, image: PredictorImage) -> None:
    """Refuse what another model or version says."""
    if answer.model_name != image.model:
        raise PermanentError(f"the predictor answered by model {answer.model_name[:80]!r}, asked was {image.model!r}")
    if image.version is not None and answer.model_version != image.version:
        raise PermanentError(
            f"the predictor answered by version {str(answer.model_version)[:80]!r} of {image.model!r}, asked was "
            f"{image.version!r}"
        )


def wanted(tensors: Sequence[AnsweredTensor], behind: bytes, name: str) -> tuple[AnsweredTensor, bytes | None]:
    """Return the output of a name and its bytes; none where its numbers are in the JSON."""
    sizes = [tensor.parameters.binary_data_size if tensor.parameters else None for tensor in tensors]
    ends = np.cumsum([0, *(size or 0 for size in sizes)]).tolist()
    if any((size or 0) < 0 for size in sizes) or ends[-1] != len(behind):
        raise garbage(f"{len(behind):,} bytes behind the JSON, which says {ends[-1]:,}")
    for tensor, size, (start, end) in zip(tensors, sizes, pairwise(ends), strict=True):
        if tensor.name == name:
            return tensor, None if size is None else behind[start:end]
    found = ", ".join(tensor.name[:80] for tensor in tensors[:20])
    raise PermanentError(f"the predictor answered without output {name!r}", found=found or "no output at all")


def refuse_kind(tensor: AnsweredTensor, asked: PredictorTensor) -> None:
    if tensor.datatype != asked.datatype:
        raise PermanentError(
            f"the predictor's output {tensor.name!r} is {tensor.datatype[:20]}, predictor.json says {asked.datatype}"
        )


def refuse_shape(shape: tuple[int, ...], signature: Signature, rows: int) -> None:
    """Refuse a shape that is not one of the task's."""
    columns = {"regression": {1}, "binary": {1, 2}}.get(signature.task, {len(signature.classes)})
    given = shape[1] if len(shape) == 2 else 1
    if len(shape) not in (1, 2) or shape[0] != rows or given not in columns:
        expected = " or ".join(f"[{rows}, {width}]" for width in sorted(columns))
        raise PermanentError(f"the predictor's output has shape {list(shape)[:8]}, expected {expected}")


def array_of(tensor: AnsweredTensor, content: bytes | None, rows: int) -> NDArray[Any]:
    """Return an output's numbers in its shape."""
    kind, count = KINDS[tensor.datatype], prod(tensor.shape)
    if content is None:
        flat = listed(tensor, kind)
    elif len(content) != count * kind.itemsize:
        raise garbage(
            f"output {tensor.name!r} of {len(content):,} bytes, its shape {list(tensor.shape)} says otherwise"
        )
    else:
        flat = np.frombuffer(content, kind)
    if flat.size != count:
        raise garbage(
            f"output {tensor.name!r} has {flat.size:,} numbers, its shape {list(tensor.shape)} says {count:,}"
        )
    return flat.reshape(rows, -1)


def listed(tensor: AnsweredTensor, kind: np.dtype[Any]) -> NDArray[Any]:
    """Return an output that came as a list, flat or of rows."""
    for decoder in (FLAT, NESTED):
        try:
            with np.errstate(over="ignore"):  # infinity is refused by its name
                made: NDArray[Any] = np.array(decoder.decode(tensor.data), dtype=kind).ravel()
        except (ValueError, RecursionError):  # what is no JSON was found before; this is no list of numbers
            continue
        return made
    raise garbage(f"output {tensor.name!r} has no list of numbers: {bytes(tensor.data)[:80]!r}")


def refuse_values(values: NDArray[Any], signature: Signature) -> None:
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise PermanentError(f"the predictor answered NaN or infinity for row {row}")
    if signature.task != "regression" and (values.min() < -CLOSE_TO_ONE or values.max() > 1 + CLOSE_TO_ONE):
        worst = values.min() if values.min() < -CLOSE_TO_ONE else values.max()
        raise PermanentError(
            f"the predictor answered {worst:g}, which is no probability; task {signature.task!r} needs them"
        )


def garbage(what: str) -> PermanentError:
    return PermanentError(f"the predictor's answer is not as in V2: {what}")
