"""Would Argo take what we render, and does each pod get what it needs and nothing else?"""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from headgate.errors import PermanentError
from headgate.graph import rendering
from headgate.graph.engines.argo import workflow
from headgate.graph.rendering import GRAPHS, SAMPLE
from headgate.graph.step import Step

CRDS = json.loads((Path(__file__).parent / "schemas" / "argo-workflows-3.7.18.json").read_text(encoding="utf-8"))
GONE_IN_4 = {"mutex", "semaphore", "schedule", "podPriority", "podDisruptionBudget"}
VALUES = {
    "service": "flights",
    "repo": "https://git.example.org/team/flights",
    "revision": "main",
    "path": ".",
    "image": "headgate:dev",
    "environment": "",
    "memory": "2Gi",
    "as-of": "",
    "gate-from": "2013-05-01",
    "trigger": "{}",
    "model": "0" * 64,
    "input": "tonight.parquet",
    "output": "scores/tonight.parquet",
    "partitions": "12",
    "rows-each": "1000000",
    "part-rows": "1000",
    "claim": "files",
    "share": "1/4",
}


def document(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(workflow.template(name, GRAPHS[name])))


def cron() -> dict[str, Any]:
    return dict(yaml.safe_load(workflow.cron("measure", "headgate-measure", "7 * * * *", SAMPLE)))


def pods(name: str) -> dict[str, dict[str, Any]]:
    """Return verb → template."""
    return {one["name"]: one for one in document(name)["spec"]["templates"] if "container" in one}


def closed(schema: Any) -> Any:
    """Return a CRD's schema so that what Kubernetes would silently drop is an error."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    inner = {key: closed(value) for key, value in schema.items() if key != "x-kubernetes-int-or-string"}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        free = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
        return inner if free else inner | {"additionalProperties": False}
    return inner


def validator(kind: str) -> jsonschema.Draft202012Validator:
    metadata = {"type": "object"}
    schema = closed(CRDS[kind] | {"$defs": CRDS["$defs"]})
    return jsonschema.Draft202012Validator(schema | {"properties": schema["properties"] | {"metadata": metadata}})


def keys(node: Any) -> set[str]:
    if isinstance(node, dict):
        return set(node).union(*map(keys, node.values()))
    return set().union(*map(keys, node)) if isinstance(node, list) else set()


@pytest.mark.parametrize(
    "change",
    [
        {"entrypoint": 1},
        {"retries": 2},
        {"templates": [{"name": "one", "container": {"image": "x", "argz": []}}]},
        {"synchronization": {"mutexes": [{"nam": "one"}]}},
    ],
)
def test_the_schema_refuses_what_argo_would_drop(change: dict[str, Any]) -> None:
    """Or the test below would prove nothing."""
    broken = document("headgate-ct")
    broken["spec"] |= change

    with pytest.raises(jsonschema.ValidationError):
        validator("WorkflowTemplate").validate(broken)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_rendered_graph_fits_the_real_schema(name: str) -> None:
    """Argo Workflows 3.7.18's own CRD."""
    validator("WorkflowTemplate").validate(document(name))


def test_a_schedule_fits_the_real_schema() -> None:
    """As above; and it never runs twice at a time."""
    validator("CronWorkflow").validate(cron())

    assert cron()["spec"]["concurrencyPolicy"] == "Forbid"


def test_nothing_is_used_that_argo_4_took_away() -> None:
    """Lists took the place of single mutexes and schedules."""
    assert keys([cron(), *map(document, GRAPHS)]) & GONE_IN_4 == set()


def test_a_schedule_gives_every_parameter_that_has_no_default() -> None:
    """A Workflow without one is refused, at night."""
    needed = {
        one["name"] for one in document("headgate-measure")["spec"]["arguments"]["parameters"] if "value" not in one
    }

    assert needed <= {one["name"] for one in cron()["spec"]["workflowSpec"]["arguments"]["parameters"]}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_parameter_is_declared_and_used(name: str) -> None:
    """Argo refuses an unknown one; one that nobody reads misleads."""
    spec = document(name)["spec"]
    declared = {one["name"] for one in spec.pop("arguments")["parameters"]}
    text = json.dumps(spec)

    assert set(re.findall(r"\{\{workflow\.parameters\.([\w-]+)\}\}", text)) | in_expressions(text) == declared


def in_expressions(text: str) -> set[str]:
    return set(re.findall(r'"workflow\.parameters\.([\w-]+)"', text))


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("headgate-ct", {"service", "repo", "image"}),
        ("headgate-promote", {"service", "repo", "image", "environment", "model"}),
        ("headgate-measure", {"service", "repo", "image"}),
        ("headgate-score", {"service", "repo", "image", "environment", "input", "output"}),
    ],
)
def test_what_nobody_can_guess_must_be_given(name: str, needed: set[str]) -> None:
    """A promotion to the first environment would compare a champion with itself."""
    parameters = document(name)["spec"]["arguments"]["parameters"]

    assert {one["name"] for one in parameters if "value" not in one} == needed


@pytest.mark.parametrize(("name", "step"), [(name, step) for name, graph in GRAPHS.items() for step in graph])
def test_a_pod_types_a_command_that_there_is(name: str, step: Step) -> None:
    """The real command line takes the arguments, with parameters given and with parameters left empty."""
    container = pods(name)[step.verb]["container"]
    command = typer.main.get_command(import_module(f"headgate.cli.{step.verb}").app)

    for given in (VALUES, dict.fromkeys(VALUES, "")):
        words = [fill(word, given) for word in container["args"]]
        with command.make_context(words[0], words[1:]) as context:
            assert str(context.params["service"]).startswith("/service/")
            assert str(context.params["out"]) == f"/records/{step.verb}.json"
    assert container["command"] == ["headgate"]


def fill(text: str, values: dict[str, str]) -> str:
    known = values | {"name": "ct-flights-0123456789ab"}
    return re.sub(r"\{\{(?:workflow|inputs)\.(?:parameters\.)?([\w-]+)\}\}", lambda found: known[found[1]], text)


@pytest.mark.parametrize("name", GRAPHS)
def test_only_propose_is_given_the_token_that_writes(name: str) -> None:
    """And only as a file from a Secret; the account of the others has no rights at all."""
    mounted = {
        verb: [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        for verb, pod in pods(name).items()
    }
    accounts = {verb: pod.get("serviceAccountName", "headgate-step") for verb, pod in pods(name).items()}

    assert {verb for verb, secrets in mounted.items() if "headgate-forge" in secrets} == set(mounted) & {"propose"}
    assert {verb for verb, account in accounts.items() if account != "headgate-step"} == set(mounted) & {"propose"}
    assert document(name)["spec"]["automountServiceAccountToken"] is False


def test_each_secret_goes_to_those_who_touch_what_it_opens() -> None:
    """What a step is given is what graph/step.py says that it touches."""
    given = {
        verb: {source["secretRef"]["name"] for source in pod["container"]["envFrom"] if "secretRef" in source}
        for verb, pod in (pods("headgate-ct") | pods("headgate-measure")).items()
    }
    opened = {"headgate-source": {"collect", "drift"}, "headgate-tracker": {"track"}, "headgate-store": set(given)}

    assert {name: {verb for verb, names in given.items() if name in names} for name in opened} == opened


@pytest.mark.parametrize("name", GRAPHS)
def test_no_value_of_a_secret_is_in_a_template(name: str) -> None:
    """Every environment variable with a value is one of ours, and none is a key."""
    values = {one["name"] for pod in pods(name).values() for one in pod["container"]["env"]}

    assert values <= {"HEADGATE_WORKSPACE", "HEADGATE_FORGE_TOKEN_FILE", "HOME", "PYTHONDONTWRITEBYTECODE"}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_pod_passes_the_restricted_standard(name: str) -> None:
    """Pod Security `restricted`, and a root filesystem that nobody writes to."""
    whole = document(name)["spec"]["securityContext"]

    assert (whole["runAsNonRoot"], whole["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    for pod in pods(name).values():
        own = pod["container"]["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert all(volume.keys() & {"emptyDir", "secret", "persistentVolumeClaim"} for volume in pod["volumes"])


@pytest.mark.parametrize("name", GRAPHS)
def test_a_pod_can_write_where_its_verb_writes(name: str) -> None:
    """Its record, its workspace, /tmp and the files it touches; every asked field is told from beside the record."""
    touched = {step.verb: {"/files"} if "files" in step.touches else set() for step in GRAPHS[name]}
    for verb, pod in pods(name).items():
        places = {mount["mountPath"] for mount in pod["container"]["volumeMounts"] if not mount.get("readOnly")}
        told = [one["valueFrom"]["path"] for one in pod["outputs"].get("parameters", [])]

        assert places == {"/tmp", "/records", "/workspace"} | touched[verb]
        assert told == [f"/records/{verb}.json.{word[8:]}" for word in pod["container"]["args"] if "--field=" in word]


@pytest.mark.parametrize("name", GRAPHS)
def test_a_record_can_be_read_whoever_fetched_it(name: str) -> None:
    """Argo's init container may be another user than the step, and S3 clients write files for themselves alone."""
    records = [one for pod in pods(name).values() for one in pod["inputs"]["artifacts"] if one["name"] != "code"]

    assert [one["mode"] & 0o004 for one in records] == [0o004] * len(records)


def test_a_run_of_a_service_waits_for_the_one_before_it() -> None:
    """A mutex for each service: two services do not wait for each other."""
    assert document("headgate-ct")["spec"]["synchronization"] == {
        "mutexes": [{"name": "headgate-ct-{{workflow.parameters.service}}"}]
    }


@pytest.mark.parametrize("package", ["hera", "kfp"])
def test_without_its_package_an_engine_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback of an import."""
    monkeypatch.setattr(rendering, "find_spec", lambda name: None if name == package else object())

    with pytest.raises(PermanentError, match=f"package '{package}', which is not installed"):
        rendering.texts()
