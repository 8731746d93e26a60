"""Renders a graph for Kubeflow Pipelines 2: each step a container component, the whole as IR or a PipelineVersion.

What KFP cannot say, and Argo can: a retry by exit code (a step is tried once, and a run that failed may be started
again), the service's code from Git (the image holds it in /service), a Secret's keys without naming them.
"""

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kfp import components, dsl
from kfp.compiler import Compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions

from headgate.errors import PermanentError
from headgate.graph.step import Each, Step, When, World, asked, check, lists

IMAGE = "headgate:dev"
"""What a component runs where nobody gave `image`."""
SETTINGS = "headgate"
KEYS = {
    False: ("HEADGATE_STORE", "HEADGATE_FORGE", "HEADGATE_TRACKER"),
    True: ("HEADGATE_FORGE_APP", "AWS_ENDPOINT_URL", "AWS_REGION"),
}
"""The ConfigMap's keys, and whether they may be absent."""
SECRETS: dict[World, tuple[str, tuple[str, ...]]] = {
    "store": ("headgate-store", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
    "tracker": ("headgate-tracker", ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")),
}
TOKENS: dict[World, str] = {"desired": "headgate-forge-read", "forge": "headgate-forge"}
TOKEN_FOLDER = "/secrets/forge"  # noqa: S105 - where, not what
CLAIM, FILES = "headgate-files", "/files"
"""The PersistentVolumeClaim with files to score, and where it is mounted: KFP's own way to choose one is not IR's."""
DEFAULTS = {
    "service": "/service/service.yaml",
    "image": IMAGE,
    "environment": "",
    "as-of": "",
    "gate-from": "",
    "trigger": "",
    "partitions": "",
    "rows-each": "",
    "part-rows": "",
}
"""Parameter → default; one that is not here must be given."""
GIVEN = {"run": "kfp-{{$.pipeline_job_uuid}}"}
ABSENT = {"checkout"}
"""What only an engine with a work tree of the code can give."""


def component(step: Step, graph: tuple[Step, ...]) -> str:
    """Return one step as a component of its own."""
    return compiled(loaded(step, graph))


def pipeline(name: str, graph: tuple[Step, ...]) -> str:
    """Return the graph as pipeline IR, and what its pods are given as a second document."""
    return compiled(built(name, graph))


def version(name: str, graph: tuple[Step, ...]) -> str:
    """Return the manifests of the Pipeline and its PipelineVersion, which never changes: its IR's digest names it."""
    number = hashlib.sha256(pipeline(name, graph).encode()).hexdigest()[:12]
    options = KubernetesManifestOptions(pipeline_version_name=f"{name}-{number}", include_pipeline_manifest=True)
    return compiled(built(name, graph), kubernetes_manifest_options=options, kubernetes_manifest_format=True)


def compiled(made: Any, **options: Any) -> str:
    """Return what the compiler writes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.yaml"
        Compiler().compile(made, str(path), **options)
        return path.read_text(encoding="utf-8")


def loaded(step: Step, graph: tuple[Step, ...]) -> Any:
    """Return the component of a step, loaded from its description."""
    fields = asked(graph, step.verb)
    described = {
        "name": step.verb,
        "inputs": [
            *([{"name": step.reads, "type": "Artifact"}] if step.reads else []),
            *({"name": one, "type": "String", **default(one)} for one in taken(step)),
            *([{"name": step.each.option, "type": "String"}] if step.each else []),
        ],
        "outputs": [
            {"name": step.verb, "type": "Artifact"},
            *({"name": one, "type": "JsonArray" if one in lists(graph, step.verb) else "String"} for one in fields),
        ],
        "implementation": {
            "container": {"image": IMAGE, "command": ["headgate"], "args": [step.verb, *arguments(step, fields)]}
        },
    }
    return components.load_component_from_text(json.dumps(described))


def arguments(step: Step, fields: Sequence[str]) -> Iterator[object]:
    """Yield what the verb is given, each value where KFP puts it."""
    yield from ("--service", {"inputValue": "service"})
    if step.reads:
        yield from ("--from", {"inputPath": step.reads})
    if step.begins:
        yield from ("--from", {"inputValue": step.begins})
    yield from ("--out", {"outputPath": step.verb})
    for field in fields:
        yield from ("--field", {"concat": [f"{field}=", {"outputPath": field}]})
    for name in step.takes:
        if name not in ABSENT:
            yield from (f"--{name}", GIVEN.get(name, {"inputValue": name}))
    if step.each:
        yield from (f"--{step.each.option}", {"inputValue": step.each.option})
    yield from ({"concat": [f"{FILES}/", {"inputValue": name}]} for name in step.files)


def taken(step: Step) -> list[str]:
    """Return the parameters a step's component has."""
    own = (name for name in step.takes if name not in GIVEN and name not in ABSENT)
    return ["service", *filter(None, [step.begins]), *own, *step.files]


def default(name: str) -> dict[str, str]:
    return {"default": DEFAULTS[name]} if name in DEFAULTS else {}


def built(name: str, graph: tuple[Step, ...]) -> Any:
    """Return the graph as a pipeline that can be compiled."""
    check(graph)
    taken_by_any = dict.fromkeys(["image", *(one for step in graph for one in taken(step))])
    names = sorted(taken_by_any, key=lambda one: one in DEFAULTS)

    def body(*given: Any) -> None:
        place(graph, (), dict(zip(names, given, strict=True)), {})

    parameters = [
        inspect.Parameter(
            identifier(one),
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=DEFAULTS.get(one, inspect.Parameter.empty),
            annotation=str,
        )
        for one in names
    ]
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return dsl.pipeline(name=name)(body)


def identifier(name: str) -> str:
    return name.replace("-", "_")


def place(graph: tuple[Step, ...], within: tuple[When, ...], given: Mapping[str, Any], tasks: dict[str, Any]) -> None:
    """Make the tasks of one group of conditions, then those of the groups inside it."""
    groups = conditions(graph)
    for step in graph:
        if groups[step.verb] == within:
            tasks[step.verb] = (
                repeated(step, step.each, graph, given, tasks) if step.each else task(step, graph, given, tasks)
            )
    depth = len(within)
    for group in dict.fromkeys(
        one[: depth + 1] for one in groups.values() if len(one) > depth and one[:depth] == within
    ):
        when = group[-1]
        output = tasks[when.step].outputs[identifier(when.field)]
        with dsl.If(output == when.value if when.operator == "==" else output != when.value, name=f"if-{when.step}"):
            place(graph, group, given, tasks)


def repeated(
    step: Step, each: Each, graph: tuple[Step, ...], given: Mapping[str, Any], tasks: Mapping[str, Any]
) -> Any:
    """Return the task of a step in a loop over the items of the list it reads."""
    items = tasks[str(step.reads)].outputs[identifier(each.field)]
    with dsl.ParallelFor(items, name=f"for-each-{each.option}", parallelism=each.at_once) as item:
        return task(step, graph, {**given, each.option: item}, tasks)


def task(step: Step, graph: tuple[Step, ...], given: Mapping[str, Any], tasks: Mapping[str, Any]) -> Any:
    """Return a step's task: its inputs, its image, and nothing of the world that it does not touch."""
    record = {identifier(step.reads): tasks[step.reads].outputs[identifier(step.reads)]} if step.reads else {}
    item = [step.each.option] if step.each else []
    made = loaded(step, graph)(**record, **{identifier(one): given[one] for one in [*taken(step), *item]})
    if step.after:
        made.after(tasks[step.after])
    made.set_display_name(step.verb)
    made.set_container_image(given["image"])
    made.set_caching_options(False)  # KFP's key knows neither what an image's tag holds today nor who is champion
    made.set_cpu_request(step.resources.cpu)
    made.set_memory_request(step.resources.memory)
    made.set_memory_limit(step.resources.memory)
    made.set_env_variable("HEADGATE_WORKSPACE", "/tmp/workspace")  # noqa: S108 - the pod's own
    if any(world in TOKENS for world in step.touches):
        made.set_env_variable("HEADGATE_FORGE_TOKEN_FILE", f"{TOKEN_FOLDER}/token")
    made.platform_config["kubernetes"] = platform(step)
    return made


def platform(step: Step) -> dict[str, list[dict[str, object]]]:
    """Return what a step's pod is given of the cluster."""
    secrets = [SECRETS[world] for world in step.touches if world in SECRETS]
    tokens = [world for world in step.touches if world in TOKENS]
    return {
        "configMapAsEnv": [
            {
                "configMapName": SETTINGS,
                "keyToEnv": [{"configMapKey": key, "envVar": key} for key in keys],
                "optional": optional,
            }
            for optional, keys in KEYS.items()
        ],
        "secretAsEnv": [
            {
                "secretName": name,
                "keyToEnv": [{"secretKey": key, "envVar": key} for key in keys],
                "optional": True,
            }
            for name, keys in secrets
        ],
        "secretAsVolume": [
            {"secretName": TOKENS[world], "mountPath": TOKEN_FOLDER, "optional": world == "desired"} for world in tokens
        ],
        **({"pvcMount": [{"constant": CLAIM, "mountPath": FILES}]} if "files" in step.touches else {}),
    }


def conditions(graph: tuple[Step, ...]) -> dict[str, tuple[When, ...]]:
    """Return the conditions each step stands in: its own inside those of all it needs.

    KFP gives a condition's inside no way to read another condition's; such a graph is refused.
    """
    found: dict[str, tuple[When, ...]] = {}
    for step in graph:
        outer = max((found[verb] for verb in step.needs), key=len, default=())
        if apart := [verb for verb in step.needs if found[verb] != outer[: len(found[verb])]]:
            raise PermanentError(
                f"KFP cannot run step {step.verb!r}: it needs {apart[0]!r}, which stands under another condition",
                next_step="let one of the two read the other",
            )
        found[step.verb] = (*outer, step.when) if step.when else outer
    return found
