"""Which settings may a person write? docs/settings.md, made of the specs and the string under each setting."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec.json import encode

from headgate.specs.contract import Contract
from headgate.specs.environment import App, Environment, Promotion, Serving, Version
from headgate.specs.predictor import PredictorImage
from headgate.specs.reading import Spec, is_struct
from headgate.specs.receiver import Receiver
from headgate.specs.schema import shown, strings
from headgate.specs.service import Service
from headgate.specs.stream import LogTopic, Streaming

FILES: dict[str, tuple[type[Spec], str]] = {
    "service.yaml": (Service, "Yours, beside your code."),
    "contract.yaml": (Contract, "Yours, beside service.yaml; `headgate init` infers one from rows."),
    "predictor.json": (PredictorImage, "JSON, written by your `fit` where an image of your own answers for a model."),
    "stream.yaml": (Streaming, "Yours, for `headgate stream`; secrets stay in files and variables that it names."),
    "ship.yaml": (LogTopic, "Yours, for `headgate ship --kafka`; secrets stay in files and variables that it names."),
    "promotion.yaml": (Promotion, "Of the env repo, written by people."),
    "env/ENVIRONMENT/environment.yaml": (Environment, "Of the env repo, written by people."),
    "env/ENVIRONMENT/SERVICE/serving.yaml": (Serving, "Of the env repo, written by people, or by `headgate propose`."),
    "env/ENVIRONMENT/SERVICE/app.yaml": (App, "Of the env repo, written by people."),
    "env/ENVIRONMENT/SERVICE/version.yaml": (
        Version,
        "Of the env repo, written by Headgate alone: read it, never edit it.",
    ),
    "receive.yaml": (Receiver, "Of the cluster; the chart headgate-platform writes it from its value `receiver`."),
}
INTRODUCTION = """\
Every file is YAML, and an unknown key is refused with the one it may mean. Lengths of time are ISO 8601: `P7D`,
`PT12H`. `headgate check` reads service.yaml and the contract, `headgate env lint` the env repo."""


def settings() -> str:
    """Return docs/settings.md."""
    lines = ["# Settings", "", INTRODUCTION, ""]
    for file, (spec, whose) in FILES.items():
        lines += [f"## {file}", "", f"{first_line(spec)} {whose}", "", *table(spec)]
        for rule in members(spec):
            lines += [f"### `rule: {rule.__struct_config__.tag}`", "", first_line(rule), "", *table(rule)]
    return "\n".join(lines)


def table(spec: type[Spec]) -> list[str]:
    """Return a spec's settings as a table; one without any has none."""
    found = [f"| `{path}` | {cell(what)} | {cell(default)} |" for path, what, default in rows(spec, "")]
    return ["| setting | what | default |", "|---|---|---|", *found, ""] if found else []


def rows(spec: type[Spec], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, meaning and default of each setting, those inside another after it."""
    told = strings(spec)
    for field in msgspec.structs.fields(spec):
        path = f"{prefix}{field.encode_name}"
        inner, suffix = nested(field.type)
        what = f"{told.get(field.name) or (first_line(inner) if inner else '')}{words(field.type)}"
        yield path, what, default(field)
        if inner:
            yield from rows(inner, f"{path}{suffix}.")


def default(field: Any) -> str:
    """Return what holds when a setting is left out."""
    if field.required:
        return "required"
    value = shown(field)
    return "" if value in (None, {}, []) else f"`{encode(value).decode()}`".replace('"', "")


def nested(kind: Any) -> tuple[Any, str]:
    """Return the spec that a setting holds, and how one of several is written; None where it holds words or numbers."""
    suffix = {dict: ".NAME", tuple: "[]"}.get(get_origin(kind), "")
    inside = [one for one in (kind, *get_args(kind)) if is_struct(one)]
    return (inside[0], suffix) if len(inside) == 1 else (None, suffix)


def members(spec: type[Spec]) -> Iterator[type[Spec]]:
    """Yield the kinds of rule that a spec's settings may hold, each a spec of its own."""
    for field in msgspec.structs.fields(spec):
        inner, _ = nested(field.type)
        found = members(inner) if inner else filter(is_struct, alternatives(field.type))
        yield from found


def alternatives(kind: Any) -> tuple[Any, ...]:
    """Return what a setting or its items may be, by type."""
    if get_origin(kind) in {tuple, Annotated}:
        return alternatives(get_args(kind)[0])
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)


def words(kind: Any) -> str:
    """Return the words a setting may be, where it must be one of some."""
    found = [str(word) for one in alternatives(kind) if get_origin(one) is Literal for word in get_args(one)]
    return f" One of {', '.join(f'`{word}`' for word in found)}." if found else ""


def first_line(spec: Any) -> str:
    return (spec.__doc__ or "").partition("\n")[0]


def cell(text: str) -> str:
    return text.strip().replace("|", "\\|")
