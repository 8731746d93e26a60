"""What headgate-platform takes, and the files it carries: rendered from their one source each."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from headgate.cli.charting import helm, rows, setting
from headgate.errors import PermanentError
from headgate.specs.platform import Platform
from headgate.specs.schema import document

CHART = "charts/headgate-platform"
PROFILES = "tests/unit/platform/profiles"
GOLDEN = "tests/golden/platform"
TITLE = "What Headgate runs beside the served models"
TOLD = "Rendered from `headgate.specs.platform` by `make render`; change it there."


def platform(root: Path, pipelines: dict[str, str], dashboards: dict[str, str]) -> dict[str, str]:
    """Return the chart's rendered files: path → text; pipelines and dashboards are what this very rendering makes."""
    schema = document([Platform], TITLE)
    made = {
        f"{CHART}/values.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        f"{CHART}/values.yaml": values(schema),
        f"{CHART}/VALUES.md": page(schema),
    }
    rules = {path.relative_to(root).as_posix(): path.read_text() for path in (root / "monitoring/rules").glob("*.yaml")}
    templates = {path: text for path, text in pipelines.items() if path.startswith("pipelines/argo/headgate-")}
    for folder, texts in {"argo": templates, "rules": rules, "dashboards": dashboards}.items():
        made |= {f"{CHART}/files/{folder}/{Path(path).name}": text for path, text in texts.items()}
    return made


def values(schema: dict[str, Any]) -> str:
    """Return values.yaml: every default, what has none as a comment."""
    lines = [f"# {TOLD}".replace("`", "")]
    for name, told in schema["properties"].items():
        lines += ["", *setting(schema, name, told, "")]
    return "\n".join(lines) + "\n"


def page(schema: dict[str, Any]) -> str:
    """Return VALUES.md: every setting, by path."""
    lines = ["# Values", "", TOLD, "", "| setting | what | default |", "|---|---|---|"]
    for name, told in schema["properties"].items():
        lines += rows(schema, name, told)
    return "\n".join(lines) + "\n"


def goldens(root: Path, made: dict[str, str]) -> dict[str, str]:
    """Return what the chart makes of each profile; nothing where there is no Helm, or no profile."""
    program, kept = helm(), root / PROFILES
    if program is None or not kept.is_dir():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "chart"
        shutil.copytree(root / CHART, fresh)
        for path, text in made.items():
            target = fresh / Path(path).relative_to(CHART)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return {f"{GOLDEN}/{one.stem}.yaml": template(program, fresh, one) for one in sorted(kept.glob("*.yaml"))}


def template(program: str, folder: Path, profile: Path, *more: str) -> str:
    """Return the chart rendered with a values file; PermanentError with Helm's reason when it refuses it."""
    command = [program, "template", "headgate", str(folder), "--namespace", "headgate", "--values", str(profile)]
    done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermanentError(f"helm refuses {profile.name}: {done.stderr.strip()[-2000:]}")
    return done.stdout
