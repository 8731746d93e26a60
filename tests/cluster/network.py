"""The machine's side of the pod network: bridge, forwarding, and taking all of it away again."""

import subprocess
from pathlib import Path

from cluster.site import BRIDGE, DOMAIN, Site

SWITCHES = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")
OURS = ("KUBE-", "CNI-", BRIDGE)


def bridge(site: Site) -> None:
    """Make the bridge before the first pod would: the API server binds to its address."""
    for words in (["add", BRIDGE, "type", "bridge"], ["set", BRIDGE, "up"]):
        subprocess.run(["ip", "link", *words], check=True)
    subprocess.run(["ip", "address", "add", f"{site.gateway}/24", "dev", BRIDGE], check=True)
    before = {switch: (Path("/proc/sys") / switch).read_text().strip() for switch in SWITCHES}
    for switch, value in before.items():
        (site.room("switches") / switch.replace("/", ".")).write_text(value)
        (Path("/proc/sys") / switch).write_text("1")
    search = f"search svc.{DOMAIN} {DOMAIN}\noptions ndots:5\n"
    (site.folder / "resolv.conf").write_text(f"nameserver {site.gateway}\n{search}")


def unbridge(folder: Path) -> None:
    """Take away the bridge, every rule that Kubernetes and CNI made, and set the switches back."""
    subprocess.run(["ip", "link", "delete", BRIDGE], check=False, capture_output=True)
    for family in ("iptables", "ip6tables"):
        _forget_rules(family)
    for file in (folder / "switches").glob("*") if (folder / "switches").exists() else ():
        (Path("/proc/sys") / file.name.replace(".", "/", 2)).write_text(file.read_text())


def foreign() -> str | None:
    """Say what of another Kubernetes node is on this machine, whose rules we would take for ours."""
    rules = subprocess.run(["iptables-save"], check=True, capture_output=True, text=True).stdout
    return "iptables chains KUBE-*" if "KUBE-" in rules else None


def kept_rules(rules: str) -> str:
    """Return the rules of a table dump that are not ours."""
    return "".join(line for line in rules.splitlines(keepends=True) if not any(name in line for name in OURS))


def _forget_rules(family: str) -> None:
    rules = subprocess.run([f"{family}-save"], check=True, capture_output=True, text=True).stdout
    if kept_rules(rules) != rules:
        subprocess.run([f"{family}-restore"], check=True, input=kept_rules(rules), text=True)
