"""Headgate on the cluster, as its operations page says: what a platform engineer would do by hand."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import kubectl
from cluster.kubectl import config, namespace, secret
from cluster.live import NAMES, Cluster
from cluster.scenarios.ring.forge import ORGANISATION, Gitea
from headgate.desired import initial
from headgate.names import name
from headgate.scaffold.repository import Place, repository
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
    """Make repositories, namespaces, accounts and keys, and tell Argo CD; again is fine."""
    gitea = Gitea(cluster)
    gitea.organisation()
    for repo in ("env", service):
        gitea.repository(repo)
    tokens = {
        "headgate-forge": gitea.user("promoter", "write", "env"),
        "headgate-forge-read": gitea.user("reader", "read", "env", service),
        "headgate-receiver": gitea.user("receiver", "write", "env", service),
    }
    placed = Installed(cluster, gitea, service, secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    cluster.apply(namespace(RUNS, **RESTRICTED), namespace(MODELS, **RESTRICTED))
    cluster.apply(*keys(placed, tokens), *accounts(), *settings(placed))
    for file in sorted((ROOT / "pipelines" / "argo").glob("headgate-*.yaml")):
        cluster.kubectl("apply", "-n", RUNS, "-f", str(file))
    serving(cluster)
    gitea.push(env_repo(folder, placed), "env", "Begin")
    argo(placed, folder)
    return placed


def keys(placed: Installed, tokens: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the Secrets that the values name."""
    store = {"AWS_ACCESS_KEY_ID": "headgate", "AWS_SECRET_ACCESS_KEY": placed.cluster.password("s3")}
    store |= {"AWS_ENDPOINT_URL": NAMES["s3"], "AWS_REGION": "us-east-1"}
    for space in (RUNS, MODELS):
        yield secret("headgate-store", space, store)
    for key, token in tokens.items():
        yield secret(key, RUNS, {"token": token})
    yield secret("headgate-repo", RUNS, {"username": "reader", "password": tokens["headgate-forge-read"]})
    yield secret("headgate-webhooks", RUNS, {"token": placed.receiver_token, "push": placed.push_secret})


def accounts() -> Iterator[dict[str, Any]]:
    """Yield the service accounts of FAULTS: only the executor and the receiver may do anything."""
    for account in ("headgate-executor", "headgate-step", "headgate-promoter", "headgate-receiver"):
        meta = {"name": account, "namespace": RUNS}
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, "automountServiceAccountToken": False}
    yield secret("headgate-executor.service-account-token", RUNS, {}) | {
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "headgate-executor.service-account-token",
            "namespace": RUNS,
            "annotations": {"kubernetes.io/service-account.name": "headgate-executor"},
        },
    }
    yield from role("headgate-executor", RUNS, ("workflowtaskresults", "create patch"))
    yield from role("headgate-receiver", RUNS, ("workflows", "create get list watch"))
    reading = ("rollouts analysisruns", "get list watch"), ("rollouts/status", "patch")
    yield from role("headgate-receiver", MODELS, *reading)


def role(account: str, space: str, *rules: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """Yield a Role of Argo's kinds and its binding to an account of the runs' namespace."""
    api = "rbac.authorization.k8s.io"
    given = [{"apiGroups": ["argoproj.io"], "resources": what.split(), "verbs": may.split()} for what, may in rules]
    meta = {"name": account, "namespace": space}
    yield {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": given}
    yield {
        "apiVersion": f"{api}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": api, "kind": "Role", "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": RUNS}],
    }


def settings(placed: Installed) -> Iterator[dict[str, Any]]:
    """Yield where things are, for the steps and the receiver."""
    forge = f"gitea+{NAMES['gitea']}/{ORGANISATION}"
    where = {
        "HEADGATE_STORE": "s3://headgate",
        "HEADGATE_FORGE": f"{forge}/env",
        "HEADGATE_TRACKER": NAMES["mlflow"],
        "AWS_ENDPOINT_URL": NAMES["s3"],
        "AWS_REGION": "us-east-1",
    }
    yield config("headgate", RUNS, where)
    artifacts = {
        "bucket": "headgate",
        "endpoint": NAMES["s3"].removeprefix("http://"),
        "insecure": True,
        "accessKeySecret": {"name": "headgate-store", "key": "AWS_ACCESS_KEY_ID"},
        "secretKeySecret": {"name": "headgate-store", "key": "AWS_SECRET_ACCESS_KEY"},
    }
    kept = config("artifact-repositories", RUNS, {"default": yaml.safe_dump({"s3": artifacts})})
    kept["metadata"]["annotations"] = {"workflows.argoproj.io/default-artifact-repository": "default"}
    yield kept
    trained = {
        "repository": f"{forge}/{placed.service}",
        "clone": placed.gitea.inside(placed.service),
        "image": OWN_IMAGE,
        "environment": "prod",
        "memory": "2Gi",
    }
    told = {"namespaces": [MODELS], "runs": RUNS, "look": "PT2S", "services": {placed.service: trained}}
    yield config("headgate-receiver", RUNS, {"receive.yaml": yaml.safe_dump(told)})


def serving(cluster: Cluster) -> None:
    """Install the runtime and the storage container, with this checkout's image."""
    for file, space in (("runtime.yaml", ("-n", MODELS)), ("storage-container.yaml", ())):
        text = (ROOT / "serving" / file).read_text().replace("image: headgate:0.1.0", f"image: {IMAGE}")
        cluster.kubectl("apply", *space, "-f", "-", stdin=text)


def env_repo(folder: Path, placed: Installed) -> Path:
    """Write the env repo that Argo CD will follow, with the chart it names."""
    environment = Environment(
        cluster="in-cluster",
        namespace=MODELS,
        store="s3://headgate",
        domain=f"{MODELS}.example.test",
        prometheus=NAMES["prometheus"],
        repository="headgate",
    )
    prod = name("prod", "environment")
    files = {edit.path: edit.text or "" for edit in initial([prod], placed.service)}
    files |= {
        edit.path: edit.text or ""
        for edit in repository(
            placed.gitea.inside("env"), [Place(name=prod, environment=environment)], ["gitea"], IMAGE
        )
    }
    files["env/prod/environment.yaml"] = dump(environment)
    files[f"env/prod/{placed.service}/serving.yaml"] = SERVING
    files[f"env/prod/{placed.service}/app.yaml"] = "chart: 0.1.0\nruntime: 0.1.0\n"
    chart = ROOT / "charts" / "headgate-service"
    for file in (file for file in chart.rglob("*") if file.is_file()):
        files[f"charts/headgate-service/0.1.0/{file.relative_to(chart)}"] = file.read_text()
    placed.gitea.checkout("env", folder)
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return folder


def argo(placed: Installed, checkout: Path) -> None:
    """Give Argo CD the env repo, its project and its ApplicationSet, and let pushes wake it."""
    space = "argocd"
    access = {"type": "git", "url": placed.gitea.inside("env"), "username": "admin"}
    access |= {"password": placed.cluster.password("gitea")}
    here = {"name": "in-cluster", "server": "https://kubernetes.default.svc", "config": "{}"}
    placed.cluster.apply(
        secret("env-repo", space, access, **{"argocd.argoproj.io/secret-type": "repository"}),
        secret("in-cluster", space, here, **{"argocd.argoproj.io/secret-type": "cluster"}),
    )
    placed.cluster.kubectl("apply", "-f", str(checkout / "appsets" / "prod.yaml"))
    for door in ("argocd-web", "applicationset-webhook"):
        placed.gitea.hook("env", f"{NAMES[door]}/api/webhook")


def deploy_receiver(placed: Installed) -> None:
    """Run two receivers as pods, and let pushes reach them."""
    container = {
        "name": "receiver",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": ["receive", "--config=/etc/headgate/receive.yaml", "--host=0.0.0.0", "--port=8080"],
        "envFrom": [{"configMapRef": {"name": "headgate"}}, {"secretRef": {"name": "headgate-store"}}],
        "env": [
            {"name": "HOME", "value": "/tmp"},
            {"name": "HEADGATE_WORKSPACE", "value": "/tmp/headgate"},
            {"name": "HEADGATE_FORGE_TOKEN_FILE", "value": "/var/run/forge/token"},
            {"name": "HEADGATE_RECEIVE_TOKEN_FILE", "value": "/var/run/webhooks/token"},
            {"name": "HEADGATE_RECEIVE_PUSH_SECRET_FILE", "value": "/var/run/webhooks/push"},
        ],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/headgate"},
            {"name": "forge", "mountPath": "/var/run/forge"},
            {"name": "webhooks", "mountPath": "/var/run/webhooks"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    pod = {
        "serviceAccountName": "headgate-receiver",
        "automountServiceAccountToken": True,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": "headgate-receiver"}},
            {"name": "forge", "secret": {"secretName": "headgate-receiver"}},
            {"name": "webhooks", "secret": {"secretName": "headgate-webhooks"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    mark = {"app": "headgate-receiver"}
    meta = {"name": "headgate-receiver", "namespace": RUNS, "labels": mark}
    template = {"metadata": {"labels": mark, "annotations": {"test/run": secrets.token_hex(4)}}, "spec": pod}
    placed.cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {"replicas": 2, "selector": {"matchLabels": mark}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": mark, "ports": [{"name": "http", "port": 8080}]},
        },
    )
    kubectl.kubectl(
        placed.cluster.site,
        "-n",
        RUNS,
        "rollout",
        "status",
        "deployment/headgate-receiver",
        "--timeout=180s",
        seconds=200,
    )
    placed.gitea.hook(placed.service, f"http://headgate-receiver.{RUNS}:8080/push", secret=placed.push_secret)
    placed.gitea.hook("env", f"http://headgate-receiver.{RUNS}:8080/push", secret=placed.push_secret)
