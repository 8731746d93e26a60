"""Whatever fit returned to the files of a package: its library's own format where it has one, else ONNX."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import UNSET, UnsetType

from headgate.errors import PermanentError
from headgate.models import mlflow, saved, v2, v2_golden
from headgate.models.formats import Matrix
from headgate.models.loading import Predictions
from headgate.models.packed import Packed, onnx_packed
from headgate.models.signature import Signature
from headgate.train import convert, native

Estimate = Callable[[Matrix], Predictions]


def packed(model: Any, signature: Signature) -> Packed:
    """Return a fitted model's files; a Path is a model file or an MLflow folder that is there already."""
    if isinstance(model, Path):
        return given(model, signature)
    if native.format_of(model) is None:
        return onnx_packed(convert.to_onnx(model, signature))
    if not native.is_booster(model):
        convert.check_fitted(model, signature)
    return native.packed(model)


def remembering(made: Packed, matrix: Matrix, predictions: Predictions) -> Packed:
    """Return a model's files; one that an image answers for is kept with some of its answers."""
    return v2_golden.with_golden(made, matrix, predictions) if made.format == "v2" else made


def image_of(made: Packed) -> str | UnsetType:
    """Return the image that answers for a model, where it is one of the owner's own."""
    return v2.image_of(made.files).image if made.format == "v2" else UNSET


def predictor(model: Any, signature: Signature) -> Estimate | None:
    """Return what the model itself predicts; None for a file, its own judge."""
    if isinstance(model, Path):
        return None
    return native.predictor(model, signature) if native.is_booster(model) else convert.predictor(model, signature)


def given(path: Path, signature: Signature) -> Packed:
    """Return a model that somebody saved: never a pickle."""
    found = saved.read(path)
    inside = mlflow.inner(found.files) if found.format == "mlflow" else found
    if inside.format != "onnx":
        return found
    return onnx_packed(convert.to_onnx(network(*inside.files.values()), signature))


def network(content: bytes) -> Any:
    """Return ONNX bytes as a ModelProto."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - slow
    from onnx import load_model_from_string  # noqa: PLC0415

    try:
        return load_model_from_string(content)
    except DecodeError as err:
        raise PermanentError(f"the file is no ONNX model: {err}", next_step="write it with onnx.save") from err
