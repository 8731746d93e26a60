"""A small service that is measured: its answers in the store, the schedule, what Prometheus and Alertmanager say."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import yaml

from cluster.kubectl import secret
from cluster.live import NAMES
from cluster.scenarios.ring.bucket import content, keys
from cluster.scenarios.ring.environments import PLATFORM, code_repo, told
from cluster.scenarios.ring.forge import ORGANISATION
from cluster.scenarios.ring.install import IMAGE, ROOT, RUNS, Installed
from cluster.scenarios.ring.small import FEW, QUICK, ROWS, Small, pushed
from cluster.scenarios.ring.waiting import wait
from cluster.services.monitoring import SILENT
from headgate.local.traffic import body
from headgate.records.codec import decode
from headgate.records.live import DriftReport
from ring.pumps.pumps.data import rows

LOGGED = "log_every: PT5S\n"
POLICY = "drift: {window: P7D, min_rows: 100}\nretrain: {causes: [drift], windows: 2 of 3, cooldown: P7D, per_day: 1}\n"
READER = '''"""The rows as they come from a source, which is away at times."""

import os

import polars as pl
from pumps.data import read as read_all

from headgate.records.dataset import Window


def read(window: Window | None) -> pl.DataFrame:
    """Return the rows of a window."""
    if os.environ.get("PUMPS_SOURCE") == "away":
        raise ConnectionError("nobody answers")
    return read_all(window)
'''
WEEK = timedelta(days=7)


@dataclass
class Measured:
    """One service, and how often it was measured."""

    own: Small
    runs: list[str] = field(default_factory=list)

    @property
    def ring(self) -> Installed:
        return self.own.ring

    def look(self) -> str:
        """Return what a person would look at first."""
        cluster = self.ring.cluster
        return cluster.look(RUNS) + cluster.process("alertmanager").tail() + cluster.process("prometheus").tail()

    def ask(self, begin: datetime, shift: float = 0.0) -> int:
        """Ask about a week of pumps whose pressure is told by another gauge, a request a day; return how many."""
        rows = rows_of(begin).with_columns(pl.col("pressure") + shift)
        days = [day for _, day in rows.group_by(pl.col("at").dt.date(), maintain_order=True)]
        router = self.ring.cluster.url("traefik")
        with httpx.Client(base_url=router, headers={"Host": self.own.host}, timeout=10) as client:
            for day in days:
                client.post(self.own.path, content=body(day, ROWS)).raise_for_status()
        return len(days)

    def logged(self) -> int:
        """Return how many requests the store has."""
        logs = keys(self.ring, f"predictions/{self.own.environment}/{self.own.name}/")
        return sum(content(self.ring, key).count(b"\n") - 1 for key in logs)

    def begin(self) -> str:
        """Start the schedule's Workflow now, as a person does with `argo submit --from`."""
        cron = self.ring.cluster.get("-n", RUNS, "cronworkflow", f"measure-{self.own.name}-{self.own.environment}")
        self.runs.append(f"measure-{self.own.name}-{len(self.runs) + 1}")
        meta = {"name": self.runs[-1], "namespace": RUNS}
        run = {"apiVersion": cron["apiVersion"], "kind": "Workflow", "metadata": meta}
        self.ring.cluster.apply(run | {"spec": cron["spec"]["workflowSpec"]})
        return self.runs[-1]

    def report(self, run: str) -> DriftReport:
        """Wait for a measuring Workflow, and return its record."""
        ended = partial(phase, self.ring, run)
        wait(lambda: ended() in {"Succeeded", "Failed", "Error"}, f"{run} to end", 180, self.look)
        assert ended() == "Succeeded", self.look()
        return decode(content(self.ring, f"runs/{RUNS}/{run}/drift.json"), DriftReport, run)

    def answer(self, query: str) -> float | None:
        """Return Prometheus' answer of one number, None where there is no series."""
        url = f"{self.ring.cluster.url('prometheus')}/api/v1/query"
        found = httpx.get(url, params={"query": query}, timeout=10).raise_for_status().json()["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def proposal(self) -> dict[str, Any] | None:
        """Return the open pull request that would replace its model."""
        branch = f"promote/{self.own.environment}/{self.own.name}/"
        pulls = [one for one in self.ring.gitea.pulls("env") if one["head"]["ref"].startswith(branch)]
        return next((one for one in pulls if one["state"] == "open"), None)

    def training(self) -> list[dict[str, Any]]:
        """Return the Workflows that retrain it, in the order of their attempts."""
        chosen = f"headgate.dev/service={self.own.name},headgate.dev/key"
        found = self.ring.cluster.get("-n", RUNS, "workflows", "-l", chosen)["items"]
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def rows_of(begin: datetime) -> pl.DataFrame:
    """Return a week of pumps, without what became of them."""
    within = pl.col("at").is_between(begin.replace(tzinfo=None), (begin + WEEK).replace(tzinfo=None), closed="left")
    return rows().filter(within).drop("leaks")


def phase(ring: Installed, run: str) -> str:
    """Return a Workflow's phase."""
    return str(ring.cluster.get("-n", RUNS, "workflow", run).get("status", {}).get("phase", ""))


@contextmanager
def measured_service(own: Small, env: Path) -> Iterator[Measured]:
    """Give a live service that is measured and for which alerts alone start runs; leave the ring as it was."""
    ring = own.ring
    before = (ring.gitea.checkout("env", env) / PLATFORM).read_text()
    try:
        code(own)
        code_repo(own)
        files = own.files(serving=QUICK + FEW + LOGGED) | {PLATFORM: values(own, before)}
        pushed(ring, env, files, f"Begin {own.name}, and measure it")
        own.first()
        told(own, knows=True)
        ring.cluster.routes(yaml.safe_dump(routes(ring)))
        yield Measured(own)
    finally:
        ring.cluster.routes(yaml.safe_dump(SILENT))
        source(ring, away=False)
        own.end(env)
        pushed(ring, env, {PLATFORM: before}, "As it was")
        told(own, knows=False)


def code(own: Small) -> None:
    """Write its code: the pumps, from a source that can be away."""
    folder = own.code()
    (folder / "pumps" / "source.py").write_text(READER)
    spec = folder / "service.yaml"
    spec.write_text(spec.read_text().replace('"pumps.data:read"', '"pumps.source:read"') + POLICY)


def values(own: Small, text: str) -> str:
    """Return the platform's values with one service more, measured, and a receiver that waits for alerts."""
    found = yaml.safe_load(text)
    receiver: dict[str, Any] = found["receiver"]
    receiver |= {"weigh": "PT1H", "measure": "PT5S", "retry_after": "PT15S"}
    receiver.setdefault("services", {})[own.name] = {
        "repository": f"gitea+{NAMES['gitea']}/{ORGANISATION}/{own.name}",
        "clone": own.ring.gitea.inside(own.name),
        "image": IMAGE,
        "environment": own.environment,
        "memory": "512Mi",
    }
    found["measured"] = [{"service": own.name, "environment": own.environment}]
    return yaml.safe_dump(found, sort_keys=False)


def routes(ring: Installed) -> dict[str, Any]:
    """Return monitoring/alertmanager.yaml for somebody in a hurry, with the token, and who tells of ends too."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "monitoring" / "alertmanager.yaml").read_text())
    [signals] = [one for one in found["route"]["routes"] if one["receiver"] == "headgate"]
    signals |= {"group_interval": "5s", "repeat_interval": "15s"}
    [door] = [one for receiver in found["receivers"] for one in receiver.get("webhook_configs", [])]
    door |= {"send_resolved": True, "http_config": {"authorization": {"credentials": ring.receiver_token}}}
    return found


def source(ring: Installed, *, away: bool) -> None:
    """Let the rows' source be away for the steps that start from now on, or be there."""
    if away:
        ring.cluster.apply(secret("headgate-source", RUNS, {"PUMPS_SOURCE": "away"}))
    else:
        ring.cluster.kubectl("-n", RUNS, "delete", "secret", "headgate-source", "--ignore-not-found")


@dataclass
class Deliveries:
    """What Alertmanager has delivered, however often it was killed."""

    ring: Installed
    before: int = 0

    def count(self) -> int:
        """Return how many letters came and were answered well."""
        return self.before + self.said("notifications") - self.said("notifications_failed")

    def said(self, what: str) -> int:
        """Return a counter of the process that runs."""
        lines = httpx.get(f"{self.ring.cluster.url('alertmanager')}/metrics", timeout=5).text.splitlines()
        own = f'alertmanager_{what}_total{{integration="webhook"'
        return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(own))

    def active(self, service: str) -> bool:
        """Say whether an alert about a service is on."""
        url = f"{self.ring.cluster.url('alertmanager')}/api/v2/alerts"
        return bool(httpx.get(url, params={"filter": f'service="{service}"'}, timeout=5).json())

    def killed(self) -> None:
        """Kill Alertmanager, start it again, and wait until it takes alerts."""
        self.before = self.count()
        self.ring.cluster.process("alertmanager").kill()
        self.ring.cluster.revive("alertmanager")
        wait(self.is_ready, "Alertmanager to be ready", 30)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.ring.cluster.url('alertmanager')}/-/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False
