"""What the charts take, rendered from the specs: values, their schema, a page about them."""

import json
from collections.abc import Iterator
from typing import Any

from headgate.specs.environment import App, Environment, Serving, Version
from headgate.specs.reading import Spec
from headgate.specs.schema import document

CHART = "charts/headgate-service"
FILES: dict[str, type[Spec]] = {
    "environment.yaml": Environment,
    "app.yaml": App,
    "serving.yaml": Serving,
    "version.yaml": Version,
}
"""The env repo's files that are the chart's values, in the order in which later ones win."""
TITLE = "One served model: the env repo's environment.yaml, app.yaml, serving.yaml and version.yaml"
RENDERED = "Rendered from `headgate.specs` by `make render`; change it there."
MARK = "# Rendered from headgate.specs by `make render`; change it there."


def chart() -> dict[str, str]:
    """Return the chart's rendered files: path → text."""
    from headgate.canary import render_questions

    schema = document(FILES.values(), TITLE)
    return {
        f"{CHART}/values.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        f"{CHART}/values.yaml": "\n".join([MARK, *sections(schema)]) + "\n",
        f"{CHART}/VALUES.md": "\n".join(["# Values", "", RENDERED, *tables(schema)]) + "\n",
        f"{CHART}/files/questions.yaml": render_questions(),
    }


def keys(file: str) -> list[str]:
    """Return the settings of one of the env repo's files."""
    return list(document([FILES[file]], file)["properties"])


def sections(schema: dict[str, Any]) -> Iterator[str]:
    """Yield values.yaml: every default, what has none as a comment."""
    for file in FILES:
        yield from ("", f"# --- {file}")
        for name in keys(file):
            yield from setting(schema, name, schema["properties"][name], "")


def setting(schema: dict[str, Any], name: str, told: dict[str, Any], indent: str) -> Iterator[str]:
    yield f"{indent}# {told['description']}"
    inner = inside(schema, told)
    if inner is None:
        default = f" {json.dumps(told['default'])}" if "default" in told else ""
        yield f"{indent}{name}:{default}" if default else f"{indent}# {name}:"
    elif told["$ref"].rpartition("/")[2] in FILLED:
        yield f"{indent}{name}:"
        for key, value in inner["properties"].items():
            yield from setting(schema, key, value, f"{indent}  ")
    else:
        yield f"{indent}# {name}: {{{', '.join(inner['properties'])}}}"


def inside(schema: dict[str, Any], told: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of a setting that is made of settings."""
    found = schema["$defs"].get(told.get("$ref", "").rpartition("/")[2])
    return found if found and "properties" in found else None


FILLED = {"Faults", "Canary", "Limits", "Resources"}
"""Groups whose defaults the chart fills in; any other is absent until somebody writes it."""


def tables(schema: dict[str, Any]) -> Iterator[str]:
    for file in FILES:
        yield from ("", f"## {file}", "", "| setting | what | default |", "|---|---|---|")
        for name in keys(file):
            yield from rows(schema, name, schema["properties"][name])


def rows(schema: dict[str, Any], path: str, told: dict[str, Any]) -> Iterator[str]:
    default = f"`{json.dumps(told['default'])}`" if "default" in told else ""
    yield f"| `{path}` | {told['description'].replace('|', '/')} | {default} |"
    items, dot = (told.get("items", {}), "[].") if told.get("type") == "array" else (told, ".")
    for name, inner in (inside(schema, items) or {"properties": {}})["properties"].items():
        yield from rows(schema, f"{path}{dot}{name}", inner)
