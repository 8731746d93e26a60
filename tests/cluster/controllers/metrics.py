"""The metrics server: what pods use now, for autoscalers."""

from cluster import answers
from cluster.controllers.start import controller
from cluster.kubectl import apply, door
from cluster.site import Site, program

SPACE = "kube-system"
RESOLUTION_SECONDS = 10  # the least it allows


def metrics(site: Site) -> None:
    """Serve `metrics.k8s.io` through the API server's aggregator."""
    pki, access = site.folder / "pki", str(site.kubeconfig)
    flags = [
        *(f"--{who}kubeconfig={access}" for who in ("", "authentication-", "authorization-")),
        f"--bind-address={site.gateway}",
        f"--secure-port={site.port('metrics-server')}",
        f"--tls-cert-file={pki / 'server.crt'}",
        f"--tls-private-key-file={pki / 'server.key'}",
        "--kubelet-use-node-status-port",
        "--kubelet-insecure-tls",
        "--kubelet-preferred-address-types=InternalIP",
        f"--metric-resolution={RESOLUTION_SECONDS}s",
        "--kubelet-request-timeout=5s",
    ]
    ready = answers.http(f"https://{site.address('metrics-server')}/livez")
    controller(site, "metrics-server", [program("metrics-server"), *flags], ready)
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "metrics-server", "namespace": SPACE, "port": 443},
        },
    }
    apply(site, *door(site, "metrics-server", SPACE, 443, "metrics-server"), service)
