"""Ends the cluster and takes away every trace of it: processes, cgroups, mounts, bridge, rules, files."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import psutil

from cluster import network
from cluster.node import CGROUP
from cluster.process import processes, stop
from cluster.site import BRIDGE, running

SCATTERED = (
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/lib/cni",
    "/opt/containerd",
    "/run/containerd",
    "/var/run/kubernetes",
)
"""Folders whose place the programs don't let anyone choose; taken away when they hold no files."""


def down() -> None:
    """Leave the machine as it was; what is gone already is no error."""
    started = processes()
    stop([process for name, process in started.items() if name != "containerd"])
    _end_pods()
    if "containerd" in started:
        stop([started["containerd"]])
    _unmount()
    network.unbridge(running())
    _remove_cgroups()
    shutil.rmtree(running(), ignore_errors=True)
    for folder in SCATTERED:
        _remove_empty(Path(folder))


def traces() -> list[str]:
    """Return what of a cluster is on this machine, for the test that `down` leaves nothing."""
    mounts = [f"mount {path}" for path in _mounts()]
    cgroups = [f"cgroup {path}" for path in _cgroups()]
    links = subprocess.run(["ip", "-brief", "link"], check=True, capture_output=True, text=True).stdout.splitlines()
    rules = subprocess.run(["iptables-save"], check=True, capture_output=True, text=True).stdout.splitlines()
    wires = [line for line in links if line.startswith((BRIDGE, "veth"))]
    chains = [line for line in rules if any(name in line for name in network.OURS)]
    folders = [path for path in (str(running()), *SCATTERED) if Path(path).exists()]
    return mounts + cgroups + wires + chains + folders + [f"process {one.pid}" for one in _shims()]


def _end_pods() -> None:
    """Whatever is in our cgroups is ours; so are the shims that name our containerd."""
    for _ in range(50):
        pids = {int(pid) for folder in _cgroups() for pid in (folder / "cgroup.procs").read_text().split()}
        pids |= {shim.pid for shim in _shims()}
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        time.sleep(0.1)


def _shims() -> list[psutil.Process]:
    socket = str(running() / "containerd" / "containerd.sock")
    found = psutil.process_iter(["name", "cmdline"])
    return [
        one
        for one in found
        if (one.info["name"] or "").startswith("containerd-shim") and socket in (one.info["cmdline"] or [])
    ]


def _mounts() -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [path for path in (line.split()[1] for line in lines) if path.startswith(f"{running()}/")]


def _unmount() -> None:
    for path in reversed(_mounts()):
        subprocess.run(["umount", "--lazy", path.encode().decode("unicode_escape")], check=False)


def _cgroups() -> list[Path]:
    """Return our cgroups, the innermost first."""
    roots = [one for one in Path("/sys/fs/cgroup").glob(f"*{CGROUP}") if one.is_dir() and not one.parent.is_symlink()]
    return [Path(folder) for root in roots for folder, _, _ in os.walk(root, topdown=False)]


def _remove_cgroups() -> None:
    for folder in _cgroups():
        with contextlib.suppress(OSError):
            folder.rmdir()


def _remove_empty(folder: Path) -> None:
    if not folder.exists():
        return
    for inner, _, files in os.walk(folder, topdown=False):
        for file in files:
            path = Path(inner) / file
            if path.is_symlink() or path.is_socket():
                path.unlink()
        with contextlib.suppress(OSError):
            Path(inner).rmdir()
