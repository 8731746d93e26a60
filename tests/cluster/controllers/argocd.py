"""Argo CD: makes the cluster what Git says. One binary, a process for each role."""

from collections.abc import Sequence

from cluster import answers
from cluster.controllers.start import controller
from cluster.kubectl import apply, apply_files, config, door, namespace, secret
from cluster.pins import cache
from cluster.process import PATH, await_ready, start
from cluster.site import Site, kept, program

SPACE = "argocd"
PART = {"app.kubernetes.io/part-of": "argocd"}
MAPS = ("argocd-cm", "argocd-rbac-cm", "argocd-ssh-known-hosts-cm", "argocd-tls-certs-cm", "argocd-gpg-keys-cm")


def argocd(site: Site) -> None:
    """Start redis, then the repo-server, then everybody who asks it."""
    apply_files(site, *kept("argo-cd", "manifests/crds").glob("*-crd.yaml"))
    apply(site, namespace(SPACE), *_objects(site))
    _redis(site)
    repo, redis = f"127.0.0.1:{site.port('repo-server')}", f"127.0.0.1:{site.port('redis')}"
    plain = ["--repo-server", repo, "--repo-server-plaintext", "--redis", redis]
    listen = ["--address", "127.0.0.1", "--port", str(site.port("repo-server")), "--metrics-address", "127.0.0.1"]
    known = ["--revision-cache-expiration", "10s"]  # how late a push may be seen that no webhook tells of
    _role(site, "repo-server", [*listen, *known, "--disable-tls", "--redis", redis])
    _role(site, "application-controller", [*plain, "--app-resync", "60"])
    here = ["--address", site.gateway, "--port", str(site.port("argocd-web")), "--insecure", "--disable-auth"]
    _role(site, "server", [*here, *plain], f"http://{site.address('argocd-web')}/healthz")
    counts = f"http://127.0.0.1:{site.port('argocd-notifications')}/metrics"
    _role(site, "notifications", ["--argocd-repo-server", repo, "--argocd-repo-server-plaintext"], counts)
    _applicationsets(site, repo)
    hooks = door(site, "argocd-applicationset-controller", SPACE, 7000, "applicationset-webhook")
    apply(site, *door(site, "argocd-server", SPACE, 80, "argocd-web"), *hooks)


def _objects(site: Site) -> list[dict[str, object]]:
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": SPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"namespace": "*", "server": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }
    key = secret("argocd-secret", SPACE, {"server.secretkey": site.password("argocd")}, **PART)
    return [
        *(config(name, SPACE, {}, **PART) for name in MAPS),
        key,
        secret("argocd-notifications-secret", SPACE, {}, **PART),
        project,
    ]


def _redis(site: Site) -> None:
    port = site.port("redis")
    flags = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(site.room("redis"))]
    await_ready(start("redis", ["redis-server", *flags]), answers.port(f"127.0.0.1:{port}"))


def _role(site: Site, role: str, flags: Sequence[str], healthy: str = "") -> None:
    port = site.port(f"argocd-{role}")
    ready = answers.http(healthy or f"http://127.0.0.1:{port}/healthz")
    space = [] if role == "repo-server" else ["--namespace", SPACE]
    _start(site, role, [*flags, *space, "--metrics-port", str(port)], ready)


def _applicationsets(site: Site, repo: str) -> None:
    ports = {name: site.port(f"applicationset-{name}") for name in ("metrics", "probe", "webhook")}
    flags = [
        *("--argocd-repo-server", repo, "--repo-server-plaintext", "--namespace", SPACE),
        *("--metrics-addr", f"127.0.0.1:{ports['metrics']}", "--probe-addr", f"127.0.0.1:{ports['probe']}"),
        *("--webhook-addr", site.address("applicationset-webhook")),
    ]
    _start(site, "applicationset-controller", flags, answers.http(f"http://127.0.0.1:{ports['metrics']}/metrics"))


def _start(site: Site, role: str, flags: Sequence[str], ready: answers.Question) -> None:
    room = site.room(f"argocd-{role}")
    folders = {name: room / name for name in ("tls", "ssh", "tmp")}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    env = {
        "ARGOCD_BINARY_NAME": f"argocd-{role}",
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_TLS_DATA_PATH": str(folders["tls"]),
        "ARGOCD_SSH_DATA_PATH": str(folders["ssh"]),
        "TMPDIR": str(folders["tmp"]),
        "PATH": f"{cache() / 'bin'}:{PATH}",  # helm
    }
    controller(site, f"argocd-{role}", [program("argocd"), *flags], ready, env)
