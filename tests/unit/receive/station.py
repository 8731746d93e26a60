"""A receiver with its doors open: a model repo, a store, alerts as Alertmanager sends them."""

import hashlib
import hmac
import json
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from fakes.serving import serving
from headgate.adapters.files import FileStore
from headgate.adapters.forges.gitdir import GitDir
from headgate.receive.app import application
from headgate.receive.books import Books
from headgate.receive.doors import Door
from headgate.receive.evidence import Evidence
from headgate.receive.journal import Journal
from headgate.receive.meters import Meters
from headgate.receive.receiver import Receiver
from headgate.receive.repository import Repository
from headgate.receive.retraining import Retraining
from headgate.receive.watch import Watch
from headgate.records.change import Edit
from headgate.specs.receiver import Receiver as Settings
from headgate.specs.receiver import Trained
from unit.receive.world import A, World

SERVICE = """\
service: flights
task: binary
data: {reader: rows.csv, label: {column: late}}
retrain: {windows: 1 of 1, cooldown: P1D}
"""
CLONE = "http://gitea.local/team/flights.git"
TRAINED = Trained(repository="gitea+http://gitea.local/team/flights", clone=CLONE, image="registry/flights:{commit}")
SETTINGS = Settings(namespaces=("prod",), services={"flights": TRAINED})
TOKEN, SECRET = "a-token-of-a-test", "a-secret-of-a-test"


class Station:
    """One replica beside a world in which A is live."""

    def __init__(
        self, folder: Path, service_yaml: str = SERVICE, trained: Trained = TRAINED, *, doors: bool = True
    ) -> None:
        self.world = World(folder)
        self.world.go_live(A)
        self.folder = folder
        self.settings = replace(SETTINGS, services={"flights": trained})
        self.code = GitDir.create(
            folder / "flights.git", [Edit(path=f"{trained.folder}/service.yaml".removeprefix("./"), text=service_yaml)]
        )
        (folder / "token").write_text(TOKEN + "\n")
        (folder / "secret").write_text(SECRET + "\n")
        self.store = FileStore(folder / "store")
        self.open = ExitStack()
        self.told: list[str] = []
        self.receiver = self.receiving()
        if doors:
            self.client = self.replica()

    def replica(self) -> httpx.Client:
        """Return another replica's doors: it remembers nothing."""
        app = application(self.receiving(), Door(self.folder / "token"), Door(self.folder / "secret"))
        url = self.open.enter_context(serving(app))
        self.client = self.open.enter_context(httpx.Client(base_url=url, trust_env=False, verify=False))
        return self.client

    def receiving(self) -> Receiver:
        """Return another replica without doors, which looks when it is told to alone."""
        world = self.world
        books, evidence = Books(world.forge), Evidence(self.store)
        settings = self.settings
        repositories = {name: Repository(self.code, trained) for name, trained in settings.services.items()}
        retraining = Retraining(world.cluster, books, evidence, settings, repositories, lambda: world.now)
        watch = Watch(world.cluster, books, lambda: world.now)
        self.receiver = Receiver(watch, retraining, settings, Meters(), lambda: world.now, Journal(self.told.append))
        return self.receiver

    def alert(self, *alerts: dict[str, Any], token: str = TOKEN) -> Any:
        """Send alerts as Alertmanager does."""
        body = {"version": "4", "status": "firing", "alerts": list(alerts)}
        return self.client.post("/alerts", json=body, headers={"authorization": f"Bearer {token}"})

    def push(self, body: dict[str, Any], secret: str = SECRET, header: str = "x-gitea-signature") -> Any:
        """Send a push as a forge does."""
        content = json.dumps(body).encode()
        signed = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
        return self.client.post("/push", content=content, headers={header: signed})

    @property
    def runs(self) -> list[str]:
        return sorted(self.world.cluster.ran)


def firing(end: datetime, **changes: Any) -> dict[str, Any]:
    """Return an alert about a window of event time."""
    labels = {
        "alertname": "HeadgateDrift",
        "service": "flights",
        "environment": "prod",
        "cause": "drift",
        "rule": "psi",
    }
    times = {"window_start": (end - timedelta(days=7)).isoformat(), "window_end": end.isoformat()}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": times | {"summary": "temp drifted"},
        "startsAt": "2026-03-02T09:00:00Z",
    } | changes
