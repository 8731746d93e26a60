"""Ends the cluster and takes away every trace of it: processes, cgroups, mounts, bridge, rules, files."""

import contextlib
import json
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
"""Folders whose place the programs don't let anyone choose."""


def note() -> None:
    """Write down which of the scattered folders were here before the cluster."""
    (running() / "before.json").write_text(json.dumps([folder for folder in SCATTERED if Path(folder).exists()]))


def down() -> list[str]:
    """Leave the machine as it was, and return what is left all the same; what is gone already is no error."""
    before = running() / "before.json"
    scattered = set(SCATTERED) - set(json.loads(before.read_text()) if before.exists() else SCATTERED)
    started = processes()
    stop([process for name, process in started.items() if name != "containerd"])
    _end_pods()
    if "containerd" in started:
        stop([started["containerd"]])
    _unmount()
    network.unbridge(running())
    _remove_cgroups()
    for folder in (str(running()), *scattered):
        shutil.rmtree(folder, ignore_errors=True)
    return [*traces(), *(folder for folder in scattered if Path(folder).exists())]


def traces() -> list[str]:
    """Return what of a cluster is on this machine."""
    mounts = [f"mount {path}" for path in _mounts()]
    cgroups = [f"cgroup {path}" for path in _cgroups()]
    links = json.loads(subprocess.run(["ip", "-json", "link"], check=True, capture_output=True, text=True).stdout)
    rules = subprocess.run(["iptables-save"], check=True, capture_output=True, text=True).stdout.splitlines()
    wires = [f"link {link['ifname']}" for link in links if BRIDGE in {link["ifname"], link.get("master")}]
    chains = [line for line in rules if any(name in line for name in network.OURS)]
    folder = [str(running())] if running().exists() else []
    return mounts + cgroups + wires + chains + folder + [f"process {one.pid}" for one in _shims()]


def _end_pods() -> None:
    """Whatever is in our cgroups is ours; so are the shims that name our containerd."""
    for _ in range(50):
        pids = {pid for folder in _cgroups() for pid in _members(folder)}
        pids |= {shim.pid for shim in _shims()}
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        time.sleep(0.1)


def _members(cgroup: Path) -> list[int]:
    try:
        return [int(pid) for pid in (cgroup / "cgroup.procs").read_text().split()]
    except OSError:  # it is gone: containerd still tidies up
        return []


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
