"""What the charts would make of an env repo, and what of it may not be merged."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from headgate.desired import Desired, file_path
from headgate.errors import PermanentError
from headgate.lint import Problem
from headgate.names import Name

CHARTS = "charts/headgate-service"
FILES = ("app.yaml", "serving.yaml", "version.yaml")
KSERVES = {"serving.kserve.io/inferenceservice", "component"}
"""Labels of KServe's own: what bears both and is not KServe's, KServe deletes."""
WITHIN_PREDICTOR = ("name", "canaryTrafficPercent")
SECONDS = 60


class Rendered(msgspec.Struct, frozen=True):
    """Each service's objects as YAML, and what keeps them from being merged."""

    texts: Mapping[str, str]
    """`<environment>/<service>` → YAML."""
    problems: tuple[Problem, ...]


def render(folder: Path, desired: Desired) -> Rendered:
    """Return what the charts in an env repo's folder make of each service."""
    program = helm()
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for environment, service in sorted(places(desired)):
        try:
            texts[f"{environment}/{service}"] = template(program, folder, desired, environment, service)
        except PermanentError as err:
            problems.append(refused(environment, service, err))
            continue
        problems += forbidden(environment, service, texts[f"{environment}/{service}"])
    return Rendered(texts=texts, problems=tuple(problems))


def places(desired: Desired) -> Iterator[tuple[Name, Name]]:
    """Yield each service that would be an application: its folder has an app.yaml, its environment is named."""
    for order in desired.order():
        for service in desired.services(order.name):
            if file_path(order.name, service, "app.yaml") in desired.texts:
                yield order.name, service


def helm() -> str:
    """Return Helm, or say how to get it."""
    found = shutil.which("helm")
    if found is None:
        raise PermanentError(
            "helm is not on the PATH, and an env repo is checked by what its charts make",
            next_step="get Helm 3.14 or newer, https://helm.sh/docs/intro/install; `headgate env lint` needs none",
        )
    return found


def template(program: str, folder: Path, desired: Desired, environment: Name, service: Name) -> str:
    """Return a service's objects, rendered as Argo CD renders them; PermanentError with the reason otherwise."""
    chart = desired.app(environment, service).chart
    vendored = (folder / CHARTS / chart).resolve()
    if not vendored.is_relative_to((folder / CHARTS).resolve()) or not (vendored / "Chart.yaml").is_file():
        known = sorted(path.name for path in (folder / CHARTS).glob("*") if (path / "Chart.yaml").is_file())
        raise PermanentError(
            f"chart {chart!r} is not under {CHARTS}/",
            found=", ".join(known) or "none is there",
            next_step="name one that is there, or vendor it: headgate env init",
        )
    files = [f"env/{environment}/environment.yaml", *(f"env/{environment}/{service}/{file}" for file in FILES)]
    command = [program, "template", service, str(vendored)]
    command += ["--namespace", desired.environment(environment).namespace, "--set-string", f"environment={environment}"]
    command += [word for file in files if file in desired.texts for word in ("--values", str(folder / file))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise PermanentError(reason(done.stderr))
    return done.stdout


def reason(said: str) -> str:
    """Return Helm's reason without where in the chart it came up."""
    text = " ".join(said.split()).removesuffix("Use --debug flag to render out invalid YAML").strip()
    text = re.sub(r"^Error: (execution error at \([^)]*\): )?", "", text)
    return re.sub(r"^.*in the following chart\(s\): ", "", text)[:600]


def refused(environment: Name, service: Name, err: PermanentError) -> Problem:
    """Return a problem of the file that the reason names, else of app.yaml."""
    file = next((file for file in ("serving.yaml", "version.yaml") if f"{file}:" in err.message), "app.yaml")
    path = file_path(environment, service, file)  # type: ignore[arg-type]  # one of three words
    if "environment.yaml:" in err.message:
        path = f"env/{environment}/environment.yaml"
    said = err.message.removeprefix(f"{path.rpartition('/')[2]}: ") + (f" ({err.found})" if err.found else "")
    return Problem(path, said, err.next_step or f"correct it; `helm template` with {service}'s four files shows more")


def forbidden(environment: Name, service: Name, text: str) -> Iterator[Problem]:
    """Yield what in rendered objects KServe, Argo CD or a canary could not live with."""
    path = file_path(environment, service, "app.yaml")
    step = "take a chart of Headgate's, unchanged: headgate env init"
    for manifest in yaml.safe_load_all(text):
        for said in broken(manifest or {}):
            yield Problem(path, f"its chart makes {said}", step)


def broken(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one object."""
    meta = manifest.get("metadata") or {}
    kind = str(manifest.get("kind"))
    named = f"{kind} {meta.get('name')!r}"
    if kind in {"Service", "Deployment"} and KSERVES <= set(meta.get("labels") or {}):
        yield f"{named} with both labels {' and '.join(sorted(KSERVES))}: KServe would delete it"
    if kind == "InferenceService":
        predictor = (manifest.get("spec") or {}).get("predictor") or {}
        yield from (
            f"{named} with predictor.{key}, which breaks the canary" for key in WITHIN_PREDICTOR if key in predictor
        )
        uri = str((predictor.get("model") or {}).get("storageUri", ""))
        if not any(
            len(part) == 64 and not set(part) - set("0123456789abcdef") for part in uri.partition("?")[0].split("/")
        ):
            yield f"{named} with storageUri {uri[:120]!r}, which bears no sha256 and could change"
    if kind == "Secret":
        yield f"{named}: secrets are named in Git, never kept there"
