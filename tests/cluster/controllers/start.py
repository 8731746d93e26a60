"""Starts a controller as a process of this machine that sees the cluster as a pod would: its API and its names."""

from collections.abc import Callable, Mapping, Sequence

from cluster.process import await_ready, resolving, start
from cluster.site import Site


def controller(
    site: Site, name: str, command: Sequence[str], answers: Callable[[], bool], env: Mapping[str, str] | None = None
) -> None:
    """Start it with the administrator's access, and wait until it answers."""
    own = {"KUBECONFIG": str(site.kubeconfig), "HOME": str(site.room(name))}
    await_ready(start(name, resolving(site, command), own | dict(env or {})), answers)
