"""YAML text to a frozen spec; an unknown key is refused with the line it stands on and the key it may mean."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, get_args, get_origin

import msgspec
import yaml

from headgate.errors import PermanentError
from headgate.names import did_you_mean


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen document that a person writes."""


S = TypeVar("S")


def parse(text: str, expected: type[S], source: str) -> S:
    """Return `text` as `expected`; every error names the file, the line and the key."""
    try:
        return parsed(text, expected, source)
    except RecursionError as err:
        raise PermanentError(f"{source} is nested too deeply, or contains itself") from err


def parsed(text: str, expected: type[S], source: str) -> S:
    try:
        loader = yaml.SafeLoader(text)  # libyaml would be quicker, and ends the process where text is nested deeply
        node = loader.get_single_node()
        strange = next(unknown_keys(node, expected, ()), None)
        document = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark else source
        problem = getattr(err, "problem", None) or " ".join(str(err).split())
        raise PermanentError(f"{where} is not YAML: {problem}") from err
    except ValueError as err:  # a date or a number that is none
        raise PermanentError(f"{source} is not YAML: {str(err)[:100]}") from err
    document = {} if document is None else document
    if strange:
        path, key, line, known = strange
        where = ".".join((*path, key))
        raise PermanentError(
            f"{source}:{line} has unknown key {where!r}.{did_you_mean(key, known)}",
            found=f"known here: {', '.join(sorted(known))}",
        )
    try:
        return msgspec.convert(document, expected, strict=True)
    except msgspec.ValidationError as err:
        raise PermanentError(
            f"{source}: {explain(err)}{choices(err, expected)}", next_step=f"correct {source}, then `headgate check`"
        ) from err


def read(path: Path, expected: type[S]) -> S:
    """Return the spec in a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise PermanentError(f"no file {str(path)!r}", next_step="`headgate init` writes one") from err
    except (UnicodeDecodeError, OSError) as err:
        raise PermanentError(f"{str(path)!r} cannot be read: {err}") from err
    return parse(text, expected, path.name)


def explain(err: msgspec.ValidationError) -> str:
    """Return msgspec's message with the path first: `split.gap: expected ...`."""
    message, _, path = str(err).partition(" - at `$")
    where = path.strip("`.").replace("[...]", "[]")
    message = message.replace("`duration`", "a length like P7D or PT12H")
    return f"{where}: {message[0].lower()}{message[1:]}" if where else message


def choices(err: msgspec.ValidationError, expected: Any) -> str:
    """Return what a setting may say, where it must be one of some words."""
    message, _, path = str(err).partition(" - at `$")
    if not message.startswith("Invalid enum value"):
        return ""
    for key in re.sub(r"\[[^\]]*\]", "", path.strip("`.")).split("."):
        field = next((one for one in fields_of(expected) if one.encode_name == key), None)
        if field is None:
            return ""
        expected = field.type
    known = [str(word) for word in get_args(item_of(expected) if get_origin(expected) is tuple else expected)]
    return f"; expected {', '.join(known)}.{did_you_mean(message.split(chr(39))[1], known)}" if known else ""


def fields_of(expected: Any) -> tuple[Any, ...]:
    """Return the fields of a Struct, also of one that may be missing."""
    members = [member for member in (expected, *get_args(expected)) if is_struct(member)]
    return msgspec.structs.fields(members[0]) if len(members) == 1 else ()


def unknown_keys(
    node: Any, expected: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, int, list[str]]]:
    """Yield (path, key, line, known keys) for every mapping key no Struct on the way declares."""
    struct = struct_of(expected, node)
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from unknown_keys(child, item_of(expected), path)
    elif isinstance(node, yaml.MappingNode) and struct is not None:
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
        tag = struct.__struct_config__.tag_field
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in fields:
                yield from unknown_keys(value_node, fields[key], (*path, key))
            elif key != tag:
                yield path, key, key_node.start_mark.line + 1, [*fields, *([tag] if tag else [])]
    elif isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            yield from unknown_keys(value_node, item_of(expected), (*path, str(key_node.value)))


def struct_of(expected: Any, node: Any) -> type[msgspec.Struct] | None:
    """Return the Struct that a mapping node should be, choosing a union's member by its tag."""
    members = [member for member in (get_args(expected) or (expected,)) if is_struct(member)]
    if get_origin(expected) in (tuple, list, dict) or not members:
        return None
    if len(members) == 1:
        return members[0]
    if isinstance(node, yaml.MappingNode):
        keys = {str(key.value): str(value.value) for key, value in node.value if isinstance(value, yaml.ScalarNode)}
        for member in members:
            config = member.__struct_config__
            if keys.get(str(config.tag_field)) == str(config.tag):
                return member
    return None


def item_of(expected: Any) -> Any:
    """Return the type of the values of a tuple, list or dict type."""
    arguments = [argument for argument in get_args(expected) if argument is not Ellipsis]
    return arguments[-1] if arguments else None


def is_struct(member: Any) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(member, type) and issubclass(member, msgspec.Struct)


def show_duration(length: timedelta) -> str:
    """Return the ISO 8601 form.

    >>> show_duration(timedelta(days=7)), show_duration(timedelta(hours=12)), show_duration(timedelta(seconds=90))
    ('P7D', 'PT12H', 'PT1M30S')
    """
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{length.days}D" if length.days else ""
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    return f"P{days}T{clock}" if clock else f"P{days or '0D'}"
