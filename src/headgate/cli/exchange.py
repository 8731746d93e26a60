"""How a command is given its record and leaves its own: files, the latest of the workspace, stdout."""

import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar, cast

import msgspec
import typer

from headgate.adapters.durable import replace_file
from headgate.cli.wiring import Project
from headgate.errors import PermanentError, UsageError, speaking
from headgate.names import DIGEST_PATTERN, Digest, did_you_mean, short
from headgate.records.codec import Record, decode, encode
from headgate.records.judgement import evidence_uri
from headgate.records.model import Model

R = TypeVar("R", bound=Record)


class Output(StrEnum):
    """What goes to stdout."""

    text = "text"
    json = "json"


FromFile = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="The record to start from, or a model's or an evidence's digest. Default: the latest.",
        metavar="FILE",
    ),
]
OutFile = Annotated[Path | None, typer.Option("--out", "-o", help="Also write the record here.", metavar="FILE")]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        help="Also write this field of the record to OUT.NAME, or to FILE: engines compare it.",
        metavar="NAME[=FILE]",
    ),
]
OutputFormat = Annotated[Output, typer.Option("--output", help="text for people, json for programs.")]


def take(expected: type[R], source: Path | None, project: Project) -> R:
    """Return the record in `source`, or the latest of its kind in the workspace."""
    path = source or latest(expected, project)
    if source and not source.exists() and re.fullmatch(DIGEST_PATTERN, str(source)):
        if issubclass(expected, Model):
            return cast("R", project.model(Digest(str(source))))
        return evidence(expected, str(source), project)
    try:
        content = path.read_bytes()
    except FileNotFoundError as err:
        raise PermanentError(
            f"no record {str(path)!r}", next_step=f"run the verb that makes the {kind(expected)}, or give --from FILE"
        ) from err
    return decode(content, expected, str(path))


def leave(
    record: Record, out: Path | None, output: Output, project: Project, summary: str, fields: list[str] | None = None
) -> None:
    """Keep the record as the latest of its kind, write it to `out`, its fields beside it, and say so on stdout."""
    content = encode(record)
    beside = {path: text_of(record, name).encode() for name, path in places(fields or [], out)}
    for path, written in ({latest(type(record), project): content} | beside | ({out: content} if out else {})).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, written)
    sys.stdout.write(content.decode() if output is Output.json else summary + "\n")


def places(fields: list[str], out: Path | None) -> Iterator[tuple[str, Path]]:
    """Yield each `NAME` or `NAME=FILE` with where it is written."""
    for field in fields:
        name, _, file = field.partition("=")
        if not file and out is None:
            raise UsageError(f"--field {name} needs --out FILE, or a file of its own", next_step=f"--field {name}=FILE")
        yield name, Path(file or f"{out}.{name}")


def text_of(record: Record, field: str) -> str:
    """Return a field as an engine compares it: text as it is, anything else as JSON."""
    document = msgspec.json.decode(encode(record))
    if field not in document:
        raise UsageError(
            f"the {kind(type(record))} has no field {field!r}.{did_you_mean(field, document)}",
            found=", ".join(document),
        )
    value = document[field]
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def say(text: str) -> None:
    """Write text for people or programs to stdout."""
    sys.stdout.write(text + "\n")


def write(path: Path, content: bytes) -> None:
    """Write a file that is either whole or as it was."""
    with speaking(f"write {str(path)!r}"):
        replace_file(path, content)


def evidence(expected: type[R], digest: str, project: Project) -> R:
    """Return a record that was judged, as pull requests name it."""
    uri = evidence_uri(digest)
    if not project.store.has(uri):
        raise PermanentError(
            f"evidence {short(digest)} is not in the store of workspace {str(project.workspace.root)!r}",
            next_step="name the workspace that judged it: --workspace DIR, or HEADGATE_WORKSPACE",
        )
    return decode(project.store.get(uri), expected, f"evidence {short(digest)}")


def latest(expected: type[Record], project: Project) -> Path:
    return project.workspace.latest / f"{kind(expected)}.json"


def kind(expected: type[Record]) -> str:
    return str(expected.__struct_config__.tag).partition("/")[0]
