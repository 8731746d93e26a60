"""The control plane: etcd, API server, controller manager, scheduler."""

from cluster import answers
from cluster.process import await_ready, start
from cluster.site import Site, program


def etcd(site: Site) -> None:
    """Keep the objects; unsynced writes, as nothing here must outlive the machine."""
    client, peer = f"http://127.0.0.1:{site.port('etcd')}", f"http://127.0.0.1:{site.port('etcd-peer')}"
    listen = [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
    listen += [
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]
    process = start("etcd", [program("etcd"), f"--data-dir={site.room('etcd')}", "--unsafe-no-fsync", *listen])
    await_ready(process, answers.http(f"{client}/health"))


def apiserver(site: Site) -> None:
    """Listen at the bridge's address: pods can't reach loopback, and nobody outside reaches the bridge."""
    pki = site.folder / "pki"
    flags = {
        "etcd-servers": f"http://127.0.0.1:{site.port('etcd')}",
        "bind-address": site.gateway,
        "advertise-address": site.gateway,
        "secure-port": site.port("apiserver"),
        "service-cluster-ip-range": site.services,
        "authorization-mode": "Node,RBAC",
        "allow-privileged": "true",
        "profiling": "false",
        "client-ca-file": pki / "ca.crt",
        "tls-cert-file": pki / "server.crt",
        "tls-private-key-file": pki / "server.key",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": pki / "accounts.key",
        "service-account-signing-key-file": pki / "accounts.key",
        "kubelet-client-certificate": pki / "admin.crt",
        "kubelet-client-key": pki / "admin.key",
        "kubelet-preferred-address-types": "InternalIP",  # the node's name resolves nowhere; logs and exec need it
        "enable-aggregator-routing": "true",
        "requestheader-client-ca-file": pki / "ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": pki / "aggregator.crt",
        "proxy-client-key-file": pki / "aggregator.key",
    }
    process = start("apiserver", [program("kube-apiserver"), *(f"--{name}={value}" for name, value in flags.items())])
    await_ready(process, answers.http(f"https://{site.address('apiserver')}/readyz"))


def controllers(site: Site) -> None:
    """Start what turns objects into other objects, and what places pods."""
    pki = site.folder / "pki"
    shared = [
        f"--kubeconfig={site.kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--profiling=false",
    ]
    accounts = [f"--service-account-private-key-file={pki / 'accounts.key'}", f"--root-ca-file={pki / 'ca.crt'}"]
    ports = {name: site.port(name) for name in ("controller-manager", "scheduler")}
    started = [
        start(
            "controller-manager",
            [program("kube-controller-manager"), *shared, *accounts, f"--secure-port={ports['controller-manager']}"],
        ),
        start("scheduler", [program("kube-scheduler"), *shared, f"--secure-port={ports['scheduler']}"]),
    ]
    for process in started:
        await_ready(process, answers.http(f"https://127.0.0.1:{ports[process.name]}/healthz"))
