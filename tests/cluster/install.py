"""Which Debian packages a node needs beside what is built, and how they come without starting anything."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMANDS = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "debootstrap": "debootstrap",
    "redis-server": "redis-server",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "git": "git",
    "gcc": "gcc",
    "go": "",  # Debian's is too old
}
"""Command → the package that brings it."""
CNI = Path("/usr/lib/cni/bridge")
POLICY = Path("/usr/sbin/policy-rc.d")


def missing() -> list[str]:
    """Return what a cluster needs and this machine lacks."""
    commands = [command for command in COMMANDS if not shutil.which(command)]
    return commands + ([] if CNI.exists() else [str(CNI)])


def install() -> None:
    """Install the packages of what is missing; none of their services is started."""
    packages = sorted({COMMANDS.get(one, "containernetworking-plugins") for one in missing()} - {""})
    if not packages:
        return
    _apt("update")
    with _no_service_starts():
        _apt("install", "-y", "--no-install-recommends", "libc6-dev", *packages)


def _apt(*words: str) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-q", *words], check=True, stdout=subprocess.DEVNULL, env=env)


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian asks this file before it starts a service; 101 means no."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
