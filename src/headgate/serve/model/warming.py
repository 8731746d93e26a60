"""Made-up rows before real ones: what cannot work is known before a server is ready, and no client waits for it."""

from typing import Any

import numpy as np

from headgate.errors import PermanentError
from headgate.serve.door.admission import TIMES, Admitted, Door, Lists
from headgate.serve.model.predictor import Predictor
from headgate.specs.contract import Column

WARM_UP = ((1, 3), (40, 2))
"""(rows, times): the first calls of ONNX Runtime and Polars are slow."""
JANUARY_2024 = 1_704_067_200_000_000
"""Microseconds since 1970."""


def warm_up(predictor: Predictor) -> str | None:
    """Answer made-up rows that keep to the contract; PermanentError where columns or types cannot work.

    The owner's function may refuse made-up values, and then it is said why it is cold.
    """
    for count, times in WARM_UP:
        rows = made_up(predictor.door, count)
        for _ in range(times):
            try:
                predictor.answer(rows)
            except PermanentError as err:
                if err.__cause__ is not None and is_of_values(err.__cause__):
                    return "; ".join(err.lines()[:2])
                raise
    return None


def made_up(door: Door, count: int) -> Admitted:
    """Return equal rows that keep to the contract's types and ranges."""
    values = {name: example(door.contract.columns[name]) for name, type_ in door.types.items() if type_ not in TIMES}
    numbers = np.array([[values[name]] * count for name in door.places], dtype=np.float64)
    known = Lists(door.places, numbers) if door.places else {}
    columns = {**{name: [value] * count for name, value in values.items()}, **known}
    stamps: dict[str, list[int | None]] = {
        name: [JANUARY_2024] * count for name, type_ in door.types.items() if type_ in TIMES
    }
    return Admitted(count, {**columns, **stamps}, stamps, {}, numbers if door.places else None)


def example(column: Column) -> Any:
    """Return a value that keeps to its promise."""
    low, high = column.min, column.max
    middle = (low + high) / 2 if low is not None and high is not None else low if low is not None else high or 0
    match column.type:
        case "integer":
            return int(middle)
        case "number":
            return float(middle)
        case "boolean":
            return False
    return column.categories[0] if column.categories else ""


def is_of_values(err: BaseException) -> bool:
    """Say whether an error may well come of the values alone, and others would do."""
    if isinstance(err, ArithmeticError | LookupError | ValueError):
        return True
    import polars as pl  # noqa: PLC0415 - most models do without; whose function failed has it

    return isinstance(err, pl.exceptions.ComputeError | pl.exceptions.InvalidOperationError)
