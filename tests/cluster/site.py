"""Where one running cluster stands: its folder, its addresses, its ports and its passwords."""

import ipaddress
import json
import random
import secrets
import socket
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Self

from cluster.pins import cache, programs

PORTS = range(20000, 30000)  # below the kernel's own choice for outgoing connections, and below NodePorts
BRIDGE = "headgate0"
DOMAIN = "cluster.local"
_choosing = Lock()


def running() -> Path:
    """Return the folder of the cluster that runs, or would; `down` takes it away."""
    return cache() / "running"


@dataclass(kw_only=True)
class Site:
    """Everything about one running cluster that was chosen when it was made."""

    folder: Path
    network: str
    ports: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)

    @classmethod
    def choose(cls) -> Self:
        """Choose a free 10.x network for a new cluster."""
        taken = subprocess.run(["ip", "-json", "route"], check=True, capture_output=True, text=True).stdout
        routes = [ipaddress.ip_network(route["dst"]) for route in json.loads(taken) if route["dst"] != "default"]
        for second in range(244, 200, -1):
            network = ipaddress.ip_network(f"10.{second}.0.0/16")
            if not any(network.overlaps(route) for route in routes):
                return cls(folder=running(), network=f"10.{second}")
        raise RuntimeError("each of 10.201.0.0/16 to 10.244.0.0/16 is routed already; next: free one of them")

    @classmethod
    def load(cls) -> Self:
        """Return the cluster that runs."""
        file = running() / "site.json"
        if not file.exists():
            raise RuntimeError(f"no cluster runs: '{file}' is missing; next: make cluster")
        return cls(**json.loads(file.read_text()) | {"folder": running()})

    def save(self) -> None:
        """Write what was chosen, for the commands and tests that come later."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / "site.json.new"
        fresh.write_text(json.dumps(asdict(self) | {"folder": str(self.folder)}, indent=1))
        fresh.rename(self.folder / "site.json")

    @property
    def gateway(self) -> str:
        """The address of this machine that pods can reach."""
        return f"{self.network}.0.1"

    @property
    def pods(self) -> str:
        """The network of the pods."""
        return f"{self.network}.0.0/24"

    @property
    def services(self) -> str:
        """The network of the services; its first address is the API server's."""
        return f"{self.network}.128.0/20"

    @property
    def kubeconfig(self) -> Path:
        """The file with the administrator's access."""
        return self.folder / "kubeconfig"

    def port(self, name: str) -> int:
        """Return the port of the named listener, the same for the cluster's life."""
        with _choosing:
            while name not in self.ports:
                port = random.choice(PORTS)
                if port not in self.ports.values() and _free(self.gateway, port):
                    self.ports[name] = port
                    self.save()
            return self.ports[name]

    def password(self, name: str) -> str:
        """Return the password or token of that name, made on first use."""
        with _choosing:
            if name not in self.passwords:
                self.passwords[name] = secrets.token_hex(16)
                self.save()
            return self.passwords[name]

    def address(self, name: str) -> str:
        """Return `address:port` of the named listener, for pods and for this machine alike."""
        return f"{self.gateway}:{self.port(name)}"

    def room(self, name: str) -> Path:
        """Return the folder in which the named process keeps what it writes."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def program(name: str) -> str:
    """Return the path of a program built from its pin."""
    return next(str(built.folder / "bin" / name) for built in programs().values() if name in built.main)


def kept(name: str, path: str) -> Path:
    """Return a file or folder that was kept of a program's module."""
    return programs()[name].folder / "files" / path


def _free(address: str, port: int) -> bool:
    for host in {address, "127.0.0.1"}:
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
