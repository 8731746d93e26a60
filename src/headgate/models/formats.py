"""Opens a model by the library that wrote its format, and brings what it says into the shape of the task."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from headgate.errors import PermanentError
from headgate.models.packed import Packed
from headgate.models.pickles import refuse_pickles
from headgate.models.signature import Signature

Matrix = NDArray[np.float32]
"""Encoded rows: (rows, features)."""
Raw = Callable[[Matrix], NDArray[Any]]
"""An opened model: a float32 matrix to (rows,) or (rows, columns), the last of two columns the positive class."""
Open = Callable[[Mapping[str, bytes], Signature, int], Raw]
"""`open_model(files, signature, threads)`: each format's module has one; what it can't open is a PermanentError."""


def opened(packed: Packed, signature: Signature, threads: int) -> Raw:
    """Return the model in `packed`; its library is imported only now."""
    refuse_pickles(packed.files)
    module = importlib.import_module(f"headgate.models.{packed.format}")
    return cast("Open", module.open_model)(packed.files, signature, threads)


def only(files: Mapping[str, bytes], what: str) -> bytes:
    """Return the content of the one file such a model has."""
    if len(files) != 1:
        raise PermanentError(f"a {what} model is one file, found {len(files)}: {', '.join(sorted(files)[:10])}")
    return next(iter(files.values()))


def refuse_width(width: int, signature: Signature, what: str) -> None:
    """Refuse a model that was fitted on another number of features."""
    if width != len(signature.features):
        raise PermanentError(f"the {what} model takes {width} features, and there are {len(signature.features)}")


def refuse_order(names: list[str], signature: Signature, what: str) -> None:
    """Refuse a model that was fitted on the same features in another order: it would be given the wrong ones."""
    if names != list(signature.names) and set(names) == set(signature.names):
        raise PermanentError(
            f"the {what} model was fitted on the same features in another order",
            found=f"model: {', '.join(names[:20])}; service: {', '.join(signature.names[:20])}",
            next_step="fit it on train.x as it is",
        )


def refuse_objective(objective: str, allowed: Mapping[str, frozenset[str]], signature: Signature, what: str) -> None:
    """Refuse a classifier that gives no probabilities; a number may be any."""
    known = allowed.get(signature.task)
    if known is not None and objective not in known:
        raise PermanentError(
            f"the {what} model's objective {objective!r} gives no probabilities; task {signature.task!r} needs them",
            next_step=f"fit it with the objective {' or '.join(sorted(known))}",
        )


def shaped(raw: NDArray[Any], rows: int, signature: Signature) -> NDArray[np.float64]:
    """Return raw output in the shape of the task; of two classes one column tells both."""
    columns = np.asarray(raw, dtype=np.float64).reshape(rows, -1)
    if signature.task != "multiclass":
        return columns[:, -1]
    if columns.shape[1] == 1 and len(signature.classes) == 2:
        return np.concatenate([1 - columns, columns], axis=1)
    return columns
