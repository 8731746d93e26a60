"""UBJSON as XGBoost writes it: its own reader follows lengths past the end of what it is given."""

from typing import Any

import numpy as np

from headgate.errors import PermanentError

SIZES = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"d": 4, b"L": 8, b"D": 8, b"T": 0, b"F": 0, b"Z": 0, b"N": 0, b"C": 1}
"""Bytes of a value after its mark."""
TYPES = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"d": ">f4", b"L": ">i8", b"D": ">f8"}
"""Of the numbers among them, as NumPy calls them."""
DEEPEST = 64
INT64 = b"L"
MEND = "write it again with Booster.save_model"


def read(content: bytes) -> Any:
    """Return a document, its typed arrays as views; refuse one that is cut short, says wrong lengths or goes on."""
    try:
        found, end = value(content, 0, 0)
    except (IndexError, KeyError, RecursionError, UnicodeDecodeError) as err:
        raise PermanentError("the UBJSON of the XGBoost model is cut short or damaged", next_step=MEND) from err
    if end != len(content):
        raise PermanentError(
            f"the UBJSON of the XGBoost model ends at byte {end:,} of {len(content):,}", next_step=MEND
        )
    return found


def value(content: bytes, at: int, depth: int) -> tuple[Any, int]:
    """Return the value at `at` and where it ends; IndexError when that is behind the end."""
    if depth > DEEPEST:
        raise RecursionError
    mark = content[at : at + 1]
    if mark == b"{":
        return members(content, at + 1, depth)
    if mark == b"[":
        return items(content, at + 1, depth)
    if mark == b"S":
        return text(content, at + 1)
    end = inside(content, at + 1 + SIZES[mark])
    return (array(content, at + 1, 1, mark)[0] if mark in TYPES else None), end


def members(content: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found = {}
    while content[at : at + 1] != b"}":
        name, at = text(content, at)
        found[name], at = value(content, at, depth + 1)
    return found, at + 1


def items(content: bytes, at: int, depth: int) -> tuple[Any, int]:
    """Return an array and where it ends: typed and counted, counted, or closed by a bracket."""
    mark = content[at : at + 1]
    if mark == b"$":
        kind = content[at + 1 : at + 2]
        count, at, size = *counted(content, at + 2), SIZES[kind]
        if not size:
            raise KeyError(kind)  # any count of nothing would fit
        end = inside(content, at + count * size)
        return (array(content, at, count, kind) if kind in TYPES else None), end
    found = []
    if mark == b"#":
        count, at = counted(content, at)
        for _ in range(count):
            one, at = value(content, at, depth + 1)
            found.append(one)
        return found, at
    while content[at : at + 1] != b"]":
        one, at = value(content, at, depth + 1)
        found.append(one)
    return found, at + 1


def array(content: bytes, at: int, count: int, kind: bytes) -> Any:
    return np.frombuffer(content, TYPES[kind], count, at)


def counted(content: bytes, at: int) -> tuple[int, int]:
    """Return the count at a `#`, and where what is counted begins."""
    if content[at : at + 2] != b"#" + INT64:
        raise KeyError(content[at : at + 2])
    return length(content, at + 2)


def text(content: bytes, at: int) -> tuple[str, int]:
    if content[at : at + 1] != INT64:
        raise KeyError(content[at : at + 1])
    size, begin = length(content, at + 1)
    end = inside(content, begin + size)
    return content[begin:end].decode(), end


def length(content: bytes, at: int) -> tuple[int, int]:
    end = inside(content, at + 8)
    size = int.from_bytes(content[at:end], "big", signed=True)
    if size < 0:
        raise IndexError(size)
    return size, end


def inside(content: bytes, end: int) -> int:
    if end > len(content):
        raise IndexError(end)
    return end
