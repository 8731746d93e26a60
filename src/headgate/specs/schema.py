"""Specs as one closed JSON Schema, each setting with the string that stands under it in the code."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import pairwise
from textwrap import dedent
from typing import Any

import msgspec

from headgate.specs.reading import Spec, is_struct, show_duration

DURATION = r"^P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$"
"""What a chart's templates can turn into seconds."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def document(specs: Iterable[type[Spec]], title: str) -> dict[str, Any]:
    """Return one closed schema for a document that holds the keys of all specs at its top; none is required there."""
    tops = list(specs)
    _, parts = msgspec.json.schema_components(tops, ref_template="#/$defs/{name}", schema_hook=hook)
    for struct in structs(tops):
        describe(parts[struct.__name__], struct)
    properties: dict[str, Any] = {}
    for top in tops:
        properties |= parts.pop(top.__name__)["properties"]
    closed = {"type": "object", "additionalProperties": False, "properties": properties}
    return {"$schema": DIALECT, "title": title, **closed, "$defs": dict(sorted(parts.items()))}


def hook(kind: type) -> dict[str, Any]:
    raise NotImplementedError(kind)


def structs(tops: Iterable[Any]) -> Iterator[type[Spec]]:
    """Yield the specs and every spec inside them, each once."""
    seen: set[Any] = set()
    waiting = list(tops)
    while waiting:
        one = waiting.pop()
        if is_struct(one) and one not in seen:
            seen.add(one)
            yield one  # type: ignore[misc]  # every struct in a spec is one
            waiting += [field.type for field in msgspec.structs.fields(one)]
        waiting += getattr(one, "__args__", ())


def describe(part: dict[str, Any], struct: type[Spec]) -> None:
    """Add to each setting its string, to a duration its form; write Go's regular expressions, not Python's."""
    told = strings(struct)
    part.pop("title", None)
    for field in msgspec.structs.fields(struct):
        setting = part["properties"][field.encode_name]
        setting.pop("default", None)
        mend(setting)
        setting["description"] = told.get(field.name, "")
        if (default := shown(field)) is not None:
            setting["default"] = default


def mend(schema: Any) -> None:
    if isinstance(schema, dict):
        collapse(schema)
        if schema.get("format") == "duration":
            schema["pattern"] = DURATION
        if "pattern" in schema:
            schema["pattern"] = schema["pattern"].replace(r"\Z", "$")
        for inner in schema.values():
            mend(inner)
    elif isinstance(schema, list):
        for inner in schema:
            mend(inner)


def collapse(schema: dict[str, Any]) -> None:
    """Write `X or nothing` as X: what is wrong is then said of X, and nothing is said by leaving it out."""
    members = [member for member in schema.get("anyOf", []) if member != {"type": "null"}]
    if len(members) == 1:
        del schema["anyOf"]
        schema |= members[0]


def shown(field: Any) -> Any:
    """Return a setting's default as YAML shows it; None for none, and for one that is made of settings of its own."""
    default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    if default is msgspec.NODEFAULT or isinstance(default, Spec):
        return None
    return show_duration(default) if isinstance(default, timedelta) else msgspec.to_builtins(default)


def strings(struct: type[Spec]) -> dict[str, str]:
    """Return field → the string under it, on one line; those of what it is made of too."""
    above = [strings(base) for base in struct.__bases__ if issubclass(base, Spec) and base is not Spec]
    body = ast.parse(dedent(inspect.getsource(struct))).body[0].body  # type: ignore[attr-defined]
    pairs = pairwise(body)
    return {name: text for told in above for name, text in told.items()} | {
        field.target.id: re.sub(r"\s+", " ", note.value.value)
        for field, note in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_string(note)
    }


def is_string(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
