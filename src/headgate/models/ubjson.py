"""UBJSON as XGBoost writes it, walked but not kept: its own reader follows lengths past the end of what it is given."""

from headgate.errors import PermanentError

SIZES = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"d": 4, b"L": 8, b"D": 8, b"T": 0, b"F": 0, b"Z": 0, b"N": 0, b"C": 1}
"""Bytes of a value after its mark."""
DEEPEST = 64
INT64 = b"L"


def check(content: bytes) -> None:
    """Refuse a document that is cut short, says wrong lengths or has something after its end; linear in its parts."""
    try:
        end = value(content, 0, 0)
    except (IndexError, KeyError, RecursionError) as err:
        raise PermanentError("the UBJSON of the XGBoost model is cut short or damaged") from err
    if end != len(content):
        raise PermanentError(f"the UBJSON of the XGBoost model ends at byte {end:,} of {len(content):,}")


def value(content: bytes, at: int, depth: int) -> int:
    """Return where the value at `at` ends; IndexError when that is behind the end."""
    if depth > DEEPEST:
        raise RecursionError
    mark = content[at : at + 1]
    if mark == b"{":
        return members(content, at + 1, depth)
    if mark == b"[":
        return items(content, at + 1, depth)
    if mark == b"S":
        return text(content, at + 1)
    return inside(content, at + 1 + SIZES[mark])


def members(content: bytes, at: int, depth: int) -> int:
    while content[at : at + 1] != b"}":
        at = value(content, text(content, at), depth + 1)
    return at + 1


def items(content: bytes, at: int, depth: int) -> int:
    """Return where an array ends: typed and counted, counted, or closed by a bracket."""
    mark = content[at : at + 1]
    if mark == b"$":
        count, at, size = *counted(content, at + 2), SIZES[content[at + 1 : at + 2]]
        if not size:
            raise KeyError(content[at : at + 2])  # any count of nothing would fit
        return inside(content, at + count * size)
    if mark == b"#":
        count, at = counted(content, at)
        for _ in range(count):
            at = value(content, at, depth + 1)
        return at
    while content[at : at + 1] != b"]":
        at = value(content, at, depth + 1)
    return at + 1


def counted(content: bytes, at: int) -> tuple[int, int]:
    """Return the count at a `#`, and where what is counted begins."""
    if content[at : at + 2] != b"#" + INT64:
        raise KeyError(content[at : at + 2])
    return length(content, at + 2)


def text(content: bytes, at: int) -> int:
    if content[at : at + 1] != INT64:
        raise KeyError(content[at : at + 1])
    size, begin = length(content, at + 1)
    return inside(content, begin + size)


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
