"""Admitted columns straight to the model's matrix, where no function of the owner's stands between them.

The same numbers as by way of the frame, bit by bit (a property test compares them), at a twentieth of the price for
one row: no frame is built to be taken apart at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headgate.contract.numbers import Numbers
from headgate.models.formats import Matrix
from headgate.models.signature import Feature, Signature
from headgate.serve.door.admission import DAY_MICROSECONDS, Admitted
from headgate.specs.contract import ColumnType
from headgate.specs.service import Data

Integers = NDArray[np.int64]
Read = Callable[[Admitted], NDArray[Any]]


class Step(NamedTuple):
    """Where in the matrix a feature stands, and how it is read."""

    place: int
    name: str
    read: Read


class Direct:
    """Encodes admitted rows for one model."""

    def __init__(self, steps: Sequence[Step], width: int, numbers: Numbers) -> None:
        self._steps = steps
        self._width = width
        self._numbers = numbers
        names = [step.name for step in steps]
        rows = {name: row for row, name in enumerate(numbers.names)}
        self._rows = [rows[name] for name in names] if set(names) <= set(rows) else None
        self._in_order = names == list(numbers.names)

    def matrix(self, rows: Admitted) -> Matrix:
        """Return the float32 matrix (rows, features); what is missing, unknown or infinite is NaN."""
        if rows.numbers is not None and self._rows is not None:
            chosen = rows.numbers if self._in_order else rows.numbers[self._rows]
            if self._numbers.are_small:
                return chosen.T.astype(np.float32, order="C")
            return tame(chosen.T)
        return tame(self.by_step(rows))

    def by_step(self, rows: Admitted) -> NDArray[np.float64]:
        matrix = np.full((rows.count, self._width), np.nan, dtype=np.float64)
        for place, name, read in self._steps:
            if name in rows.columns:
                matrix[:, place] = read(rows)
        return matrix


def tame(matrix: NDArray[np.float64]) -> Matrix:
    """Return float32, NaN for what is infinite there."""
    with np.errstate(over="ignore"):
        made = matrix.astype(np.float32, order="C")
    made[np.isinf(made)] = np.nan
    return made


def direct(types: Mapping[str, ColumnType], numbers: Numbers, data: Data, signature: Signature) -> Direct | None:
    """Return the encoder, or None where a feature is no plain input: then the frame says what is wrong with it."""
    steps = []
    for place, feature in enumerate(signature.features):
        read = reading(feature, types.get(feature.name))
        if read is None or feature.name in {data.time, data.cluster, *data.id} or ignored(feature.name, data):
            return None
        steps.append(Step(place, feature.name, read))
    return Direct(steps, len(steps), numbers)


def ignored(name: str, data: Data) -> bool:
    return data.roles.get(name) == "ignore"


def reading(feature: Feature, type_: ColumnType | None) -> Read | None:
    """Return how a feature is read from its column; None where the model was fitted on something else."""
    name = feature.name
    if feature.kind == "category":
        codes = {word: float(code) for code, word in enumerate(feature.categories)}
        return (lambda rows: coded(rows.columns[name], codes)) if type_ == "string" else None
    match type_:
        case "number" | "boolean":
            return lambda rows: np.asarray(rows.columns[name], dtype=np.float64)
        case "integer":
            return lambda rows: integers(rows.columns[name], single)
        case "datetime":
            return lambda rows: integers(rows.stamps[name], days)
        case "date":
            return lambda rows: integers(rows.stamps[name], whole_days)
    return None


def coded(words: Sequence[str | None], codes: Mapping[str, float]) -> NDArray[np.float64]:
    nan = np.nan
    return np.array([nan if word is None else codes.get(word, nan) for word in words])


def integers(values: Sequence[int | None] | NDArray[Any], read: Callable[[Integers], NDArray[Any]]) -> NDArray[Any]:
    """Return what `read` makes of whole numbers, NaN where one is missing; large ones are never rounded twice."""
    if isinstance(values, np.ndarray) or None not in values:
        return read(np.asarray(values, dtype=np.int64))
    found = read(np.array([value or 0 for value in values], dtype=np.int64)).astype(np.float32)
    found[[value is None for value in values]] = np.nan
    return found


def single(values: Integers) -> NDArray[Any]:
    return values.astype(np.float32)


def days(values: Integers) -> NDArray[Any]:
    return values / DAY_MICROSECONDS


def whole_days(values: Integers) -> NDArray[Any]:
    return values // DAY_MICROSECONDS
