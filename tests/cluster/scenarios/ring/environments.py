"""Environments before prod: namespaces of their own, their order, and what the receiver must know of them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from cluster.kubectl import namespace, secret
from cluster.live import NAMES
from cluster.scenarios.ring.forge import ORGANISATION
from cluster.scenarios.ring.install import IMAGE, MODELS, RESTRICTED, RUNS, Installed
from cluster.scenarios.ring.small import Small, pushed
from cluster.scenarios.ring.waiting import wait
from headgate.names import name
from headgate.scaffold.platform import application
from headgate.scaffold.repository import Place, argo
from headgate.specs.environment import Environment
from headgate.specs.writing import dump

SPACES = {"dev": "models-dev", "staging": "models-staging", "prod": MODELS}
SOAK_SECONDS = 40
ORDER = f"""\
environments:
  - {{name: dev}}
  - {{name: staging, after: dev}}
  - {{name: prod, after: staging, soak: PT{SOAK_SECONDS}S}}
"""
PLATFORM, PROJECT = "platform/in-cluster/values.yaml", "platform/in-cluster/application.yaml"


@dataclass(frozen=True)
class Chain:
    """One service in each environment, and a checkout of the env repo."""

    env: Path
    dev: Small
    staging: Small
    prod: Small


def environment(space: str) -> Environment:
    """Return where an environment is."""
    return Environment(
        cluster="in-cluster",
        namespace=space,
        store="s3://headgate",
        domain=f"{space}.example.test",
        prometheus=NAMES["prometheus"],
    )


@contextmanager
def chain(own: Small, env: Path, serving: str) -> Iterator[Chain]:
    """Give a service dev, staging and prod, and leave the ring as it was."""
    ring = own.ring
    found = Chain(env, *(replace(own, environment=each, space=space) for each, space in SPACES.items()))
    ring.gitea.checkout("env", env)
    before = {path: (env / path).read_text() for path in ("promotion.yaml", PLATFORM, PROJECT)}
    reach = application(ring.gitea.inside("env"), "in-cluster", tuple(SPACES.values()))
    try:
        for small in (found.dev, found.staging):
            ring.cluster.apply(namespace(small.space, **RESTRICTED), store(ring, small.space))
            runtime(ring, small.space)
        code_repo(own)
        ring.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=reach)
        begun = files(found, serving, before[PLATFORM]) | {PROJECT: reach}
        pushed(ring, env, begun, f"Begin {own.name} in three environments")
        ring.cluster.kubectl("apply", "--server-side", *appsets(found))
        told(own, knows=True)
        yield found
    finally:
        over(found, before)


def over(found: Chain, before: dict[str, str]) -> None:
    """Take dev and staging away, and the service from prod."""
    ring, env = found.dev.ring, found.env
    for small in (found.dev, found.staging, found.prod):
        small.end(env)
    ring.cluster.kubectl("delete", "--ignore-not-found", *appsets(found))
    for small in (found.dev, found.staging):
        (env / "appsets" / f"{small.environment}.yaml").unlink(missing_ok=True)
        shutil.rmtree(env / "env" / small.environment, ignore_errors=True)
    pushed(ring, env, before, "As it was")
    told(found.dev, knows=False)
    for small in (found.dev, found.staging):
        ring.cluster.kubectl("delete", "namespace", small.space, "--wait=false")
    ring.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=before[PROJECT])


def appsets(found: Chain) -> list[str]:
    """Return the files of the ApplicationSets that prod does not need, as kubectl's words."""
    return [word for each in ("dev", "staging") for word in ("-f", str(found.env / "appsets" / f"{each}.yaml"))]


def files(found: Chain, serving: str, platform: str) -> dict[str, str]:
    """Return what the env repo must say of three environments, and of who runs the service's graphs."""
    ring = found.dev.ring
    texts = {"promotion.yaml": ORDER, PLATFORM: values(found.dev, platform)}
    for small in (found.dev, found.staging, found.prod):
        texts |= small.files(serving=serving)
        if small.environment != "prod":
            place = Place(name=name(small.environment, "environment"), environment=environment(small.space))
            texts[f"env/{small.environment}/environment.yaml"] = dump(place.environment)
            texts[f"appsets/{small.environment}.yaml"] = argo(ring.gitea.inside("env"), place)
    return texts


def values(own: Small, text: str) -> str:
    """Return the platform's values with three namespaces and one service more."""
    found = yaml.safe_load(text)
    receiver: dict[str, Any] = found["receiver"]
    receiver["namespaces"] = sorted({*receiver["namespaces"], *SPACES.values()})
    receiver["weigh"] = "PT5S"
    receiver.setdefault("services", {})[own.name] = trained(own, "dev")
    return yaml.safe_dump(found, sort_keys=False)


def trained(own: Small, environment: str) -> dict[str, str]:
    """Return what the receiver must know to start a service's graphs."""
    return {
        "repository": f"gitea+{NAMES['gitea']}/{ORGANISATION}/{own.name}",
        "clone": own.ring.gitea.inside(own.name),
        "image": IMAGE,
        "environment": environment,
        "memory": "512Mi",
    }


def code_repo(own: Small) -> None:
    """Put the service's code into a repository that the receiver and the steps may read."""
    gitea = own.ring.gitea
    gitea.repository(own.name)
    for user in ("reader", "receiver"):
        gitea.user(user, "read", own.name)
    gitea.push(gitea.checkout(own.name, own.folder), own.name, "Begin")


def store(ring: Installed, space: str) -> dict[str, Any]:
    """Return the Secret by which pods read models."""
    keys = {"AWS_ACCESS_KEY_ID": "headgate", "AWS_SECRET_ACCESS_KEY": ring.cluster.password("s3")}
    return secret("headgate-store", space, keys | {"AWS_ENDPOINT_URL": NAMES["s3"], "AWS_REGION": "us-east-1"})


def runtime(ring: Installed, space: str) -> None:
    """Install the runtime of prod in another namespace."""
    made = ring.cluster.get("-n", MODELS, "servingruntime", "headgate-0.1.0")
    kept = {key: made[key] for key in ("apiVersion", "kind", "spec")}
    kept["metadata"] = {"name": "headgate-0.1.0", "namespace": space, "labels": made["metadata"]["labels"]}
    ring.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump(kept))


def told(own: Small, *, knows: bool) -> None:
    """Wait until the receiver runs with values that name the service, or that name it no more."""
    ring = own.ring

    def read() -> bool:
        return (own.name in str(ring.cluster.get("-n", RUNS, "configmap", "headgate-receiver"))) is knows

    wait(read, "the receiver's settings to be as Git says", 60, partial(ring.cluster.look, RUNS, "argocd"))
    restarted(ring)


def restarted(ring: Installed) -> None:
    """Wait until the receiver's pods are the newest, and ready; one that ends still answers who asked it before."""
    ring.cluster.kubectl("-n", RUNS, "rollout", "status", "deployment/headgate-receiver", "--timeout=90s")
    chosen = ("-n", RUNS, "pods", "-l", "app.kubernetes.io/component=receiver")

    def ending() -> bool:
        return any("deletionTimestamp" in pod["metadata"] for pod in ring.cluster.get(*chosen)["items"])

    wait(lambda: not ending(), "the receivers of before to be gone", 60)
