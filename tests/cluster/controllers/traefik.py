"""Traefik: the router that splits traffic between stable and canary."""

from cluster import answers
from cluster.controllers.start import controller
from cluster.kubectl import apply, apply_files, door, namespace
from cluster.site import Site, kept, program

SPACE = "traefik"
DEFINITIONS = "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"


def traefik(site: Site) -> None:
    """Listen at the bridge's address, and as Service `traefik.traefik`; routes come from its own kinds only."""
    apply_files(site, kept("traefik", DEFINITIONS))
    apply(site, namespace(SPACE), *door(site, "traefik", SPACE, 80, "traefik"))
    own = site.address("traefik-own")
    flags = [
        f"--entrypoints.web.address={site.address('traefik')}",
        f"--entrypoints.traefik.address={own}",
        "--providers.kubernetescrd=true",
        "--ping=true",
        "--metrics.prometheus=true",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    controller(site, "traefik", [program("traefik"), *flags], answers.http(f"http://{own}/ping"))
