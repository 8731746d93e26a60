"""An MLflow model's folder: its MLmodel says which file holds the model in a format of its own; no pickle is opened."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from headgate.errors import PermanentError
from headgate.models.formats import Raw, opened
from headgate.models.packed import FILES, Format, Packed
from headgate.models.pickles import refuse_pickles
from headgate.models.signature import Signature

MLMODEL = FILES["mlflow"]
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
FLAVORS: dict[str, tuple[Format, str]] = {
    "onnx": ("onnx", "data"),
    "lightgbm": ("lightgbm", "data"),
    "xgboost": ("xgboost", "data"),
    "sklearn": ("skops", "pickled_model"),
}
"""Flavor → the format of its file, and the key that names it; sklearn keeps a skops file under that name too."""


def open_model(files: Mapping[str, bytes], signature: Signature, threads: int) -> Raw:
    """Return the model in the file that MLmodel names."""
    return opened(inner(files), signature, threads)


def inner(files: Mapping[str, bytes]) -> Packed:
    """Return the one file of an MLflow model that holds it, and its format."""
    format_, name = named(files.get(MLMODEL, b""))
    if name not in files:
        raise PermanentError(
            f"MLmodel names {name!r}, which is not beside it", found=", ".join(sorted(files)[:20]) or None
        )
    content = {name: files[name]}
    refuse_pickles(content)
    return Packed(format_, content)


def named(mlmodel: bytes) -> tuple[Format, str]:
    """Return the format and the name of the model's file, as an MLmodel tells."""
    flavors = flavors_of(mlmodel)
    for flavor, format_, name in known(flavors):
        if not PLAIN.fullmatch(name):
            raise PermanentError(f"MLmodel's {flavor} file {name[:100]!r} is no plain file name beside it")
        return format_, name
    raise PermanentError(
        "MLmodel has no flavor that is served here",
        found=", ".join(sorted(map(str, flavors))[:20]),
        next_step=f"log the model by mlflow.{', mlflow.'.join(FLAVORS)}; what only python_function opens is a pickle, "
        "and is served by an image of your own behind V2",
    )


def flavors_of(mlmodel: bytes) -> dict[str, Any]:
    try:
        document = yaml.safe_load(mlmodel)
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise PermanentError(f"MLmodel is no YAML: {' '.join(str(err).split())[:200]}") from err
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict):
        raise PermanentError("MLmodel names no flavors; it is the description that MLflow writes into a model's folder")
    return flavors


def known(flavors: Mapping[str, Any]) -> Iterator[tuple[str, Format, str]]:
    """Yield each flavor we know with the format and name of its file."""
    for flavor, (format_, key) in FLAVORS.items():
        told = flavors.get(flavor)
        if isinstance(told, dict) and isinstance(told.get(key), str):
            path = PurePosixPath(told[key])
            yield flavor, format_, str(path)
