"""The rows of several requests as those of one."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from headgate.serve.door.admission import Admitted, Lists


def merged(requests: Sequence[Admitted], names: Iterable[str]) -> Admitted:
    """Return all rows, one request after the other, null where one left out an optional input of `names`."""
    count = sum(rows.count for rows in requests)
    arrays = [rows.numbers for rows in requests if rows.numbers is not None and type(rows.columns) is Lists]
    if len(arrays) == len(requests):  # numbers and nothing else
        numbers = np.concatenate(arrays, axis=1)
        return Admitted(count, Lists(requests[0].columns.places, numbers), {}, {}, numbers)  # type: ignore[attr-defined]
    columns = {name: values_of(name, requests) for name in names if any(name in rows.columns for rows in requests)}
    timed = {name for rows in requests for name in rows.stamps}
    return Admitted(count, columns, {name: stamps_of(name, requests) for name in timed}, {})


def values_of(name: str, requests: Sequence[Admitted]) -> list[Any]:
    values: list[Any] = []
    for rows in requests:
        values.extend(rows.columns[name] if name in rows.columns else [None] * rows.count)
    return values


def stamps_of(name: str, requests: Sequence[Admitted]) -> list[int | None]:
    stamps: list[int | None] = []
    for rows in requests:
        stamps.extend(rows.stamps.get(name) or [None] * rows.count)
    return stamps
