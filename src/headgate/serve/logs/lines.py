"""Files that servers append to: a first line says how to read the others, each a JSON document."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import msgspec
import polars as pl

from headgate.errors import PermanentError

Head = TypeVar("Head")


def read_lines(
    path: Path, kind: type[Head], schema: Callable[[Head], pl.Schema], *, what: str, next_step: str
) -> tuple[Head, pl.DataFrame] | None:
    """Return a file's head and a row for each of its lines; None where no line is whole.

    A torn last line is left out, a file torn in its first line is empty; else PermanentError names what is damaged.
    """
    first, _, lines = path.read_bytes().partition(b"\n")
    lines = lines[: lines.rfind(b"\n") + 1]
    if not lines:
        return None
    try:
        head = msgspec.json.decode(first, type=kind)
        return head, pl.read_ndjson(BytesIO(lines), schema=schema(head))
    except (msgspec.DecodeError, pl.exceptions.PolarsError) as err:
        raise PermanentError(f"{what} {str(path)!r} is damaged: {str(err)[:200]}", next_step=next_step) from err
