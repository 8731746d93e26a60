"""A skops file without chance in it: skops names its parts by where they stood in memory, and dates them."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import msgspec

from headgate.errors import PermanentError
from headgate.models.skops import SCHEMA, schema

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date a zip can tell."""
ID, FILE = "__id__", "file"


def canonical(content: bytes) -> bytes:
    """Return the same model with its parts numbered in their order, so that the same model has the same bytes."""
    try:
        return renumbered(content, schema(content))
    except (KeyError, RecursionError) as err:
        raise PermanentError(
            f"the skops file lacks a part of itself: {str(err)[:200]}", next_step="write it again with skops.io.dump"
        ) from err


def renumbered(content: bytes, tree: Any) -> bytes:
    numbers: dict[Any, int] = {}
    names: dict[str, str] = {}
    for node in in_order(tree):
        if ID in node:
            node[ID] = numbers.setdefault(node[ID], len(numbers) + 1)
        if isinstance(node.get(FILE), str):
            old = node[FILE]
            node[FILE] = names.setdefault(old, f"{len(names) + 1}{PurePosixPath(old).suffix}")
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(made, "w") as out:
        for old, new in names.items():
            out.writestr(zipfile.ZipInfo(new, EPOCH), archive.read(old))
        out.writestr(zipfile.ZipInfo(SCHEMA, EPOCH), msgspec.json.encode(tree))
    return made.getvalue()


def in_order(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a schema as it stands there, the outer before the inner."""
    if isinstance(tree, dict):
        yield tree
    for one in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from in_order(one)
