"""Does the owner's function make a row's features of that row alone? Only then may requests be computed together.

Training calls it on whole parts and a server on what came at a time, so any other function answers otherwise than it
learned. Whether one is such can be tried: the same rows one by one, together, and in another order.
"""

from collections.abc import Sequence
from typing import Any

from headgate.errors import HeadgateError
from headgate.serve.door.admission import DAY_MICROSECONDS, TIMES, Admitted, Door
from headgate.serve.model.predictor import Predictor
from headgate.serve.model.together import Matrices, encoded
from headgate.serve.model.warming import JANUARY_2024
from headgate.specs.contract import Column

ROWS = 8
"""Made-up rows that are tried."""
APART_MICROSECONDS = 31 * DAY_MICROSECONDS + 5 * 3_700_000_000
"""Between two made-up rows: another month, another weekday, another hour."""
WIDTH = 1000
"""Of a number's range where the contract gives none."""


def doubt(predictor: Predictor) -> str | None:
    """Return why requests must be computed one by one, None where nothing speaks against computing them together."""
    tried = [(rows, made) for rows in varied(predictor.door) if (made := alone(predictor, rows)) is not None]
    if len({tuple(matrix.tobytes() for matrix in made) for _, made in tried}) < 2:
        return "the features function makes no two different rows of made-up ones, so that nothing can be compared"
    return differing(predictor, tried) or differing(predictor, tried[::-1])


def alone(predictor: Predictor, rows: Admitted) -> Matrices | None:
    """Return one request's matrices, None where the function refuses it."""
    try:
        return encoded(predictor, [rows])[0]
    except HeadgateError:
        return None


def differing(predictor: Predictor, tried: Sequence[tuple[Admitted, Matrices]]) -> str | None:
    """Return which feature is another one when the rows are computed together."""
    try:
        together = encoded(predictor, [rows for rows, _ in tried])
    except HeadgateError as err:
        return f"the features function takes each of some rows, and fails for all of them: {err.message}"
    for (_, expected), found in zip(tried, together, strict=True):
        for loaded, mine, theirs in zip(predictor.models, expected, found, strict=True):
            if wrong := [
                feature.name
                for place, feature in enumerate(loaded.signature.features)
                if mine[:, place].tobytes() != theirs[:, place].tobytes()
            ]:
                return f"the features function gives a row another {wrong[0]!r} when others come with it"
    return None


def varied(door: Door) -> list[Admitted]:
    """Return requests of a row each that keep to the contract, as different as it lets them be."""
    return [row(door, place) for place in range(ROWS)]


def row(door: Door, place: int) -> Admitted:
    columns: dict[str, list[Any]] = {}
    stamps: dict[str, list[int | None]] = {}
    for number, (name, type_) in enumerate(door.types.items()):
        column = door.contract.columns[name]
        is_missing = column.nulls > 0 and name != door.time and place == number % ROWS
        if type_ in TIMES:
            stamps[name] = [None if is_missing else JANUARY_2024 + place * APART_MICROSECONDS]
        columns[name] = [None if is_missing else value(column, place, number)]
    return Admitted(1, columns, stamps, {})


def value(column: Column, place: int, number: int) -> Any:
    """Return what a made-up row has in a column; columns next to each other vary out of step."""
    step = (place * (2 * number + 1) + number) % ROWS
    match column.type:
        case "string":
            words = column.categories or ("a", "b", "c", "")
            return words[step * len(words) // ROWS if len(words) > ROWS else step % len(words)]
        case "boolean":
            return step % 2 == 1
    low = column.min if column.min is not None else column.max - WIDTH if column.max is not None else 0
    high = column.max if column.max is not None else low + WIDTH
    found = low + (high - low) * step / (ROWS - 1)
    return int(found) if column.type == "integer" else float(found)
