"""Argo Rollouts: shifts traffic to a canary, and back."""

from cluster import answers
from cluster.controllers.start import controller
from cluster.kubectl import apply, apply_files, namespace, secret
from cluster.site import Site, kept, program

SPACE = "argo-rollouts"


def rollouts(site: Site) -> None:
    """Start the controller with Traefik's living API group: its default is a dead one."""
    apply_files(site, *kept("argo-rollouts", "manifests/crds").glob("*-crd.yaml"))
    apply(site, namespace(SPACE), secret("argo-rollouts-notification-secret", SPACE, {}))
    health = site.port("rollouts-health")
    flags = ["--leader-elect=false", f"--metricsPort={site.port('rollouts')}", f"--healthzPort={health}"]
    flags += ["--traefik-api-group=traefik.io", "--traefik-api-version=traefik.io/v1alpha1"]
    ready = answers.http(f"http://127.0.0.1:{health}/healthz")
    controller(site, "rollouts", [program("rollouts-controller"), *flags], ready, {"POD_NAMESPACE": SPACE})
