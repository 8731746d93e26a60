"""What the charts take, rendered from the specs: values, their schema, a page about them; and what they make of it."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headgate.errors import PermanentError
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
FILLED |= {"Receiver", "Pod", "Secrets", "Rules", "Dashboards", "Notifications"}
"""Groups whose defaults the chart fills in; any other is absent until somebody writes it."""


def tables(schema: dict[str, Any]) -> Iterator[str]:
    for file in FILES:
        yield from ("", f"## {file}", "", "| setting | what | default |", "|---|---|---|")
        for name in keys(file):
            yield from rows(schema, name, schema["properties"][name])


def rows(schema: dict[str, Any], path: str, told: dict[str, Any]) -> Iterator[str]:
    default = f"`{json.dumps(told['default'])}`" if "default" in told else ""
    yield f"| `{path}` | {told['description'].replace('|', '/')} | {default} |"
    kinds = {"array": ("items", "[]."), "object": ("additionalProperties", ".NAME.")}
    key, dot = kinds.get(str(told.get("type")), ("", "."))
    items = told.get(key) or {} if key else told
    for name, inner in (inside(schema, items) or {"properties": {}})["properties"].items():
        yield from rows(schema, f"{path}{dot}{name}", inner)


PROFILES = "tests/unit/chart/profiles"
GOLDEN = "tests/golden/chart"


def goldens(root: Path) -> dict[str, str]:
    """Return what the chart makes of each profile; nothing where there is no Helm, or no profile."""
    program, kept = helm(), root / PROFILES
    if program is None or not kept.is_dir():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "chart"
        shutil.copytree(root / CHART, fresh)
        for path, text in chart().items():
            (fresh / Path(path).relative_to(CHART)).write_text(text, encoding="utf-8")
        profiles = sorted(path for path in kept.iterdir() if path.is_dir())
        return {f"{GOLDEN}/{profile.name}.yaml": template(program, fresh, profile) for profile in profiles}


def helm() -> str | None:
    """Return Helm: on the PATH, or as the cluster tests build it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return shutil.which("helm", path=os.pathsep.join([os.environ.get("PATH", ""), f"{cache}/headgate/cluster/bin"]))


def template(program: str, folder: Path, profile: Path, *more: str, release: str = "flights") -> str:
    """Return a chart rendered with an env repo's files; PermanentError with Helm's reason when it refuses them."""
    named = re.search(r"^namespace: *(\S+)", (profile / "environment.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    namespace = named[1] if named else "default"
    command = [program, "template", release, str(folder), "--namespace", namespace]
    command += [word for file in FILES if (profile / file).exists() for word in ("--values", str(profile / file))]
    done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermanentError(f"helm refuses {profile.name}: {done.stderr.strip()[-2000:]}")
    return done.stdout
