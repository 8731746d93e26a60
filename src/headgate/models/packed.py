"""The formats a model is kept in, and its files as they lie in a package: what needs no library to be moved about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Format = Literal["onnx", "lightgbm", "xgboost", "skops", "mlflow", "v2"]

FILES: dict[Format, str] = {
    "onnx": "model.onnx",
    "lightgbm": "model.txt",
    "xgboost": "model.ubj",
    "skops": "model.skops",
    "mlflow": "MLmodel",
    "v2": "predictor.json",
}
"""The file of a package that each format begins with."""

EXTENSIONS: dict[str, Format] = {
    ".onnx": "onnx",
    ".txt": "lightgbm",
    ".lgb": "lightgbm",
    ".ubj": "xgboost",
    ".json": "xgboost",
    ".xgb": "xgboost",
    ".skops": "skops",
}
"""What a file's name says of its format."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A model's files as they stand in its package, and the format they are in."""

    format: Format
    files: Mapping[str, bytes]


def onnx_packed(content: bytes) -> Packed:
    """Return ONNX bytes as they stand in a package."""
    return Packed("onnx", {FILES["onnx"]: content})
