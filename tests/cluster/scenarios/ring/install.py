"""Headgate on the cluster, as docs/install.md says: what a person does by hand, and what Argo CD does then."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.kubectl import config, namespace, secret
from cluster.live import NAMES, Cluster
from cluster.scenarios.ring.forge import ORGANISATION, Gitea
from cluster.scenarios.ring.waiting import wait
from headgate.names import name
from headgate.scaffold.charts import PLATFORM, source, vendored
from headgate.scaffold.first import whole
from headgate.specs.environment import Environment
from headgate.specs.writing import dump

ROOT = Path(__file__).parents[4]
RUNS, MODELS = "headgate", "models"
IMAGE, OWN_IMAGE = "headgate:dev", "flights:dev"
SERVING = """\
replicas: 1
canary: {steps: [10, 25, 50], pause: PT40S, interval: PT5S, min_requests: 100, deadline: PT10M}
resources: {cpu: 100m, memory: 512Mi}
"""
RECEIVER = f"http://headgate-receiver.{RUNS}.svc:8080"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True)
class Installed:
    """The ring's places and keys."""

    cluster: Cluster
    gitea: Gitea
    service: str
    receiver_token: str
    push_secret: str

    @property
    def host(self) -> str:
        """The service's name at the router."""
        return f"{self.service}.{MODELS}.example.test"


def install(cluster: Cluster, service: str, folder: Path) -> Installed:
    """Make repositories, namespaces and keys, and tell Argo CD, which brings the rest; again is fine."""
    gitea = Gitea(cluster)
    gitea.organisation()
    for repo in ("env", service):
        gitea.repository(repo)
    tokens = {
        "headgate-forge": gitea.user("promoter", "write", "env"),
        "headgate-forge-read": gitea.user("reader", "read", "env", service),
        "headgate-receiver": gitea.user("receiver", "write", "env", service),
    }
    placed = Installed(cluster, gitea, service, cluster.password("receiver"), cluster.password("push"))
    cluster.apply(namespace(RUNS, **RESTRICTED), namespace(MODELS, **RESTRICTED))
    cluster.apply(*keys(placed, tokens), artifacts())
    runtime(cluster, MODELS)
    served(cluster, "storage-container.yaml")
    gitea.push(env_repo(folder, placed), "env", "Begin")
    argo(placed, folder)
    return placed


def keys(placed: Installed, tokens: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the Secrets that the values name."""
    store = {"AWS_ACCESS_KEY_ID": "headgate", "AWS_SECRET_ACCESS_KEY": placed.cluster.password("s3")}
    store |= {"AWS_ENDPOINT_URL": NAMES["s3"], "AWS_REGION": "us-east-1"}
    for space in (RUNS, MODELS):
        yield secret("headgate-store", space, store)
    for key in ("headgate-forge", "headgate-forge-read"):
        yield secret(key, RUNS, {"token": tokens[key]})
    yield secret("headgate-repo", RUNS, {"username": "reader", "password": tokens["headgate-forge-read"]})
    doors = {"token": placed.receiver_token, "push": placed.push_secret}
    yield secret("headgate-receiver", RUNS, doors | {"forge": tokens["headgate-receiver"]})
    yield secret("argo-rollouts-notification-secret", "argo-rollouts", {"headgate-token": placed.receiver_token})


def artifacts() -> dict[str, Any]:
    """Return where Argo Workflows keeps records: the runs' default."""
    bucket = {
        "bucket": "headgate",
        "endpoint": NAMES["s3"].removeprefix("http://"),
        "insecure": True,
        "accessKeySecret": {"name": "headgate-store", "key": "AWS_ACCESS_KEY_ID"},
        "secretKeySecret": {"name": "headgate-store", "key": "AWS_SECRET_ACCESS_KEY"},
    }
    kept = config("artifact-repositories", RUNS, {"default": yaml.safe_dump({"s3": bucket})})
    kept["metadata"]["annotations"] = {"workflows.argoproj.io/default-artifact-repository": "default"}
    return kept


def platform(placed: Installed) -> dict[str, Any]:
    """Return the values of headgate-platform, platform/in-cluster/values.yaml of the env repo."""
    forge = f"gitea+{NAMES['gitea']}/{ORGANISATION}"
    trained = {
        "repository": f"{forge}/{placed.service}",
        "clone": placed.gitea.inside(placed.service),
        "image": OWN_IMAGE,
        "environment": "prod",
        "memory": "2Gi",
    }
    return {
        "image": IMAGE,
        "store": "s3://headgate",
        "forge": f"{forge}/env",
        "tracker": NAMES["mlflow"],
        "variables": {"AWS_ENDPOINT_URL": NAMES["s3"], "AWS_REGION": "us-east-1"},
        "receiver": {"namespaces": [MODELS], "pushes": "PT5S", "services": {placed.service: trained}},
        "pod": {"cpu": "50m"},
        "notifications": {"create": True},
    }


def runtime(cluster: Cluster, space: str) -> None:
    """Install what serves into a namespace, with this checkout's image."""
    served(cluster, "runtime.yaml", "-n", space)


def served(cluster: Cluster, file: str, *words: str) -> None:
    text = (ROOT / "serving" / file).read_text().replace("image: headgate:0.1.0", f"image: {IMAGE}")
    cluster.kubectl("apply", *words, "-f", "-", stdin=text)


def env_repo(folder: Path, placed: Installed) -> Path:
    """Write the env repo as `headgate env init` does, and fill it in."""
    environment = Environment(
        cluster="in-cluster",
        namespace=MODELS,
        store="s3://headgate",
        domain=f"{MODELS}.example.test",
        prometheus=NAMES["prometheus"],
        repository="headgate",
    )
    own = {"env/prod/environment.yaml": dump(environment)}
    order, service = [name("prod", "environment")], name(placed.service, "service")
    begun = [*whole(own, order, ["gitea"], placed.gitea.inside("env"), IMAGE, service=service), *vendored()]
    files = {edit.path: edit.text or "" for edit in begun} | {
        f"env/prod/{placed.service}/serving.yaml": SERVING,
        "platform/in-cluster/values.yaml": yaml.safe_dump(platform(placed), sort_keys=False),
    }
    placed.gitea.checkout("env", folder)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return folder


def argo(placed: Installed, checkout: Path) -> None:
    """Give Argo CD the env repo and what in it is applied once, and let pushes wake it."""
    space = "argocd"
    access = {"type": "git", "url": placed.gitea.inside("env"), "username": "admin"}
    access |= {"password": placed.cluster.password("gitea")}
    here = {"name": "in-cluster", "server": "https://kubernetes.default.svc", "config": "{}"}
    placed.cluster.apply(
        secret("env-repo", space, access, **{"argocd.argoproj.io/secret-type": "repository"}),
        secret("in-cluster", space, here, **{"argocd.argoproj.io/secret-type": "cluster"}),
    )
    judging = source(PLATFORM) / "files" / "argocd" / "health.yaml"
    placed.cluster.kubectl("-n", space, "patch", "configmap", "argocd-cm", "--type=merge", f"--patch-file={judging}")
    once = [
        word for file in ("platform/in-cluster/application.yaml", "appsets/") for word in ("-f", str(checkout / file))
    ]
    placed.cluster.kubectl("apply", "--server-side", "--force-conflicts", *once)
    for door in ("argocd-web", "applicationset-webhook"):
        placed.gitea.hook("env", f"{NAMES[door]}/api/webhook")


def deploy_receiver(placed: Installed) -> None:
    """Wait until Argo CD has brought the receivers and they run this checkout's image; let pushes reach them."""
    cluster, name = placed.cluster, "headgate-platform-in-cluster"
    ran = deployed(cluster)
    cluster.kubectl("-n", "argocd", "annotate", "--overwrite", "application", name, "argocd.argoproj.io/refresh=normal")
    wait(lambda: deployed(cluster), "Argo CD to bring the receivers", 120, lambda: cluster.look("argocd", RUNS))
    if ran:  # the image's name is the same
        cluster.kubectl("-n", RUNS, "rollout", "restart", "deployment/headgate-receiver")
    cluster.kubectl("-n", RUNS, "rollout", "status", "deployment/headgate-receiver", "--timeout=110s")
    for repository in (placed.service, "env"):
        placed.gitea.hook(repository, f"{RECEIVER}/push", secret=placed.push_secret)


def deployed(cluster: Cluster) -> bool:
    """Say whether the receivers are there, ready or not."""
    return "headgate-receiver" in cluster.kubectl("-n", RUNS, "get", "deployments", "-o", "name")
