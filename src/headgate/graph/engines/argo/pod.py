"""Renders a step as a pod: the verb, its inputs and outputs, and nothing that it does not touch."""

import json

from hera.workflows import (
    Artifact,
    ConfigMapEnvFrom,
    Container,
    Env,
    ExistingVolume,
    GitArtifact,
    NoneArchiveStrategy,
    Parameter,
    RetryPolicy,
    RetryStrategy,
    S3Artifact,
    SecretEnvFrom,
    SecretVolume,
)
from hera.workflows import models as m
from hera.workflows.volume import EmptyDirVolume

from headgate.graph.step import LARGE, Each, Step, World, asked

PROMOTER = "headgate-promoter"
SETTINGS = "headgate"
"""The ConfigMap with HEADGATE_STORE, HEADGATE_FORGE, HEADGATE_TRACKER and the like."""
REPO = "headgate-repo"
"""The Secret with `username` and `password` of the service's repository; empty texts where it is public."""
ENVIRONMENT_OF: dict[World, str] = {
    "store": "headgate-store",
    "source": "headgate-source",
    "tracker": "headgate-tracker",
}
"""What a step touches → the Secret whose keys become its environment; none where the cloud knows the pod."""
TOKEN_OF: dict[World, tuple[str, bool]] = {"desired": ("headgate-forge-read", True), "forge": ("headgate-forge", False)}
"""What a step touches → the Secret mounted where the forge's token is looked for, and whether it may be absent."""
SECRETS = "/secrets/forge"
CODE, INPUTS, RECORDS, WORKSPACE = "/service", "/inputs", "/records", "/workspace"
FILES = "/files"
"""Where the volume is that the parameter `claim` names."""
RETRY = "lastRetry.exitCode == '75' || lastRetry.status == 'Error' || lastRetry.message contains 'deadline'"
"""75 is the one exit code that is tried again. Argo's Error says that the step had no say: its pod was deleted, a
record was not fetched or not kept. A step past its deadline counts as transient, as on a laptop."""
GIVEN = {"run": "{{workflow.name}}", "checkout": CODE}
"""What Argo itself knows: no parameters."""


def parameter(name: str) -> str:
    return f"{{{{workflow.parameters.{name}}}}}"


def container(step: Step, graph: tuple[Step, ...]) -> Container:
    """Return a step's pod."""
    fields = asked(graph, step.verb)
    return Container(
        name=step.verb,
        image=parameter("image"),
        command=["headgate"],
        args=[step.verb, *arguments(step), *(f"--field={field}" for field in fields)],
        inputs=[
            CHECKOUT,
            *([given_record(step.reads)] if step.reads else []),
            *([Parameter(name=step.each.option)] if step.each else []),
        ],
        outputs=[kept(step), *(told(step, field) for field in fields)],
        env=[Env(name=name, value=value) for name, value in environment(step).items()],
        env_from=[
            ConfigMapEnvFrom(name=SETTINGS),
            *(
                SecretEnvFrom(name=name, optional=True)
                for world, name in ENVIRONMENT_OF.items()
                if world in step.touches
            ),
        ],
        volumes=[
            EmptyDirVolume(name="scratch", mount_path="/tmp"),  # noqa: S108 - the pod's own
            EmptyDirVolume(name="records", mount_path=RECORDS),
            EmptyDirVolume(name="workspace", mount_path=WORKSPACE),
            *token(step),
            *files(step),
        ],
        security_context=CONTAINER_SECURITY,
        service_account_name=PROMOTER if "forge" in step.touches else None,
        active_deadline_seconds=int(step.deadline.total_seconds()),
        retry_strategy=RetryStrategy(
            limit=step.retries,
            retry_policy=RetryPolicy.always,
            expression=RETRY,
            backoff=m.Backoff(duration="15s", factor=m.IntOrString(root=4)),
        ),
        pod_spec_patch=resources(step),
    )


def given_record(verb: str) -> Artifact:
    """Return an earlier step's record as a file; the executor that fetches it may be another user than the step."""
    return Artifact(name=verb, path=f"{INPUTS}/{verb}.json", mode=0o444)


def arguments(step: Step) -> list[str]:
    """Return what the verb is given; `--name=value`, so that no value is taken for an option."""
    source = f"{INPUTS}/{step.reads}.json" if step.reads else parameter(step.begins) if step.begins else None
    given = {name: GIVEN.get(name, parameter(name)) for name in step.takes}
    return [
        f"--service={CODE}/{parameter('path')}/service.yaml",
        *([f"--from={source}"] if source else []),
        f"--out={RECORDS}/{step.verb}.json",
        *(f"--{name}={value}" for name, value in given.items()),
        *([f"--{step.each.option}={item(step.each)}"] if step.each else []),
        *(f"{FILES}/{parameter(name)}" for name in step.files),
    ]


def item(each: Each) -> str:
    """Return what stands for a pod's own item."""
    return f"{{{{inputs.parameters.{each.option}}}}}"


def kept(step: Step) -> S3Artifact:
    """Return where the step's record is kept: beside the run, in the namespace's own artifact repository."""
    name = f"{step.verb}/{item(step.each)}" if step.each else step.verb
    return S3Artifact(
        name=step.verb,
        path=f"{RECORDS}/{step.verb}.json",
        key=f"runs/{{{{workflow.namespace}}}}/{{{{workflow.name}}}}/{name}.json",
        archive=NoneArchiveStrategy(),
    )


def told(step: Step, field: str) -> Parameter:
    """Return a field of the record that later steps ask about."""
    return Parameter(name=field, value_from=m.ValueFrom(path=f"{RECORDS}/{step.verb}.json.{field}"))


def environment(step: Step) -> dict[str, str]:
    own = {"HEADGATE_WORKSPACE": WORKSPACE, "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}  # noqa: S108 - the pod's own
    return own | ({"HEADGATE_FORGE_TOKEN_FILE": f"{SECRETS}/token"} if any(w in step.touches for w in TOKEN_OF) else {})


def token(step: Step) -> list[SecretVolume]:
    """Return the forge's token as a file, for a step that reads the env repo or proposes to it."""
    names = [TOKEN_OF[world] for world in step.touches if world in TOKEN_OF]
    return [
        SecretVolume(name="forge", secret_name=secret, optional=optional or None, mount_path=SECRETS, read_only=True)
        for secret, optional in names
    ]


def files(step: Step) -> list[ExistingVolume]:
    """Return the volume with the files that are scored, for a step that touches them."""
    if "files" not in step.touches:
        return []
    return [ExistingVolume(name="files", claim_name=parameter("claim"), mount_path=FILES)]


def resources(step: Step) -> str:
    """Return what the pod asks for; a patch, because a number that is a parameter is no quantity to the schema."""
    memory = parameter("memory") if step.resources == LARGE else step.resources.memory
    asks = {"requests": {"cpu": step.resources.cpu, "memory": memory}, "limits": {"memory": memory}}
    return json.dumps({"containers": [{"name": "main", "resources": asks}]})


CHECKOUT = GitArtifact(
    name="code",
    path=CODE,
    repo=parameter("repo"),
    revision=parameter("revision"),
    username_secret=m.SecretKeySelector(name=REPO, key="username"),
    password_secret=m.SecretKeySelector(name=REPO, key="password"),
)
CONTAINER_SECURITY = m.SecurityContext(
    allow_privilege_escalation=False,
    read_only_root_filesystem=True,
    run_as_non_root=True,
    capabilities=m.Capabilities(drop=["ALL"]),
)
