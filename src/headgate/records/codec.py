"""Records to bytes and back: canonical JSON, so that equal records have equal digests."""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from headgate.errors import PermanentError
from headgate.names import Digest


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A frozen document; `kind` names its type and version, as in `verdict/1`."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen piece of a Record."""


R = TypeVar("R", bound=Record)

UPGRADES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""`kind` of an old record → the function that rewrites it as the next version."""


def encode(record: msgspec.Struct) -> bytes:
    """Return the canonical bytes of a record: sorted keys, two spaces, one final newline."""
    compact = msgspec.json.encode(record, order="deterministic")
    return msgspec.json.format(compact, indent=2) + b"\n"


def decode(content: bytes, expected: type[R], source: str = "record") -> R:
    """Return the record in `content`, upgraded when it is an older version."""
    try:
        document = msgspec.json.decode(content)
    except msgspec.DecodeError as err:
        raise PermanentError(f"{source} is not a record: {err}", next_step="make it again with its verb") from err
    if not isinstance(document, dict):
        raise PermanentError(f"{source} is not a record: expected an object, found {type(document).__name__}")
    while (kind := document.get("kind")) in UPGRADES:
        document = UPGRADES[kind](document)
    try:
        return msgspec.convert(document, expected)
    except msgspec.ValidationError as err:
        wanted = expected.__struct_config__.tag
        raise PermanentError(f"{source} is no {wanted}: {err}", found=f"kind {kind!r}") from err


def digest_of(content: bytes) -> Digest:
    """Return the sha256 of `content`."""
    return Digest(hashlib.sha256(content).hexdigest())


def digest(record: msgspec.Struct) -> Digest:
    """Return the sha256 of the record's canonical bytes."""
    return digest_of(encode(record))
