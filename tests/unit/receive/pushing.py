"""Pushes that a forge tells of, or does not, and a receiver without doors that looks when it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from headgate.names import Commit
from headgate.receive.letters import Alert, Alerts, Push, Repository, signals
from headgate.records.change import Edit
from headgate.records.cluster import Workflow
from headgate.specs.receiver import Trained
from unit.receive.station import CLONE, TRAINED, Station, firing
from unit.receive.world import room

PLAIN = Trained(repository=TRAINED.repository, clone=CLONE, image="registry/flights@sha256:0")
FOLDER = replace(PLAIN, folder="flights")


@contextmanager
def station_of(tmp_path: Path, trained: Trained) -> Iterator[Station]:
    """Give a station whose first commit a forge told of; it was trained."""
    with room(tmp_path) as folder:
        made = Station(folder, trained=trained, doors=False)
        made.receiver.beat()
        told(made, head(made))
        looks(made, 1)
        yield made


def head(station: Station) -> Commit:
    found = station.code.head()
    assert found is not None
    return found


def commit(station: Station, path: str = "features.py") -> Commit:
    """Push a commit of which no forge tells."""
    text = f"# {station.world.now}"
    return station.code.commit([Edit(path=path, text=text)], "Try", station.code.head())


def told(station: Station, after: str) -> str:
    """Let the forge tell, and return the Workflow's name."""
    repository = Repository(full_name="team/flights")
    [answer] = station.receiver.pushed(Push(ref="refs/heads/main", after=after, repository=repository))
    return str(answer.workflow)


def drifted(station: Station, **labels: str) -> None:
    """Let Alertmanager tell of drift until now."""
    alert = msgspec.convert(firing(station.world.now), Alert)
    alert.labels |= labels
    station.receiver.hear(signals(Alerts(version="4", alerts=[alert])))


def looks(station: Station, times: int = 3) -> list[str]:
    """Let some time pass, and return what runs."""
    for _ in range(times):
        station.world.later(minutes=1)
        station.receiver.beat()
    return station.runs


def told_of(station: Station, commit: str) -> Workflow:
    """Return the Workflow of a push."""
    name = told(station, commit)
    return station.world.cluster.ran.pop(name)


def neighbours(station: Station, workflow: Workflow) -> None:
    """Let it be another service's."""
    station.world.cluster.ran["ct-delays-1"] = replace(workflow, name="ct-delays-1", service="delays")


def run_of(code: str) -> str:
    return f"ct-flights-{code[:12]}"


def forget_workflows(station: Station) -> None:
    """Let Argo Workflows take what ended away."""
    station.world.later(days=31)
    station.world.cluster.ran.clear()
    station.receiving()


def finished(station: Station) -> None:
    """Let all that runs end well."""
    ran = station.world.cluster.ran
    for name, one in ran.items():
        ran[name] = replace(one, phase="Succeeded", outcomes={"gate": "pass"}, ended_at=station.world.now)
