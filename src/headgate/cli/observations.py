"""What windows said, kept in the workspace: `drift` writes it, `trigger` weighs it."""

from collections.abc import Iterator
from datetime import datetime

from headgate.cli.observing import Observation
from headgate.cli.standing import Standing
from headgate.cli.wiring import Project
from headgate.names import Uri
from headgate.records.codec import decode, digest, encode
from headgate.records.live import Observed, Signal
from headgate.records.model import Model


def place(project: Project, environment: str) -> str:
    return f"observations/{project.spec.service}/{environment}/"


def observed(project: Project, standing: Standing, champion: Model, found: Observation) -> Observed:
    """Return what is kept of a window."""
    return Observed(
        service=project.spec.service,
        environment=standing.environment,
        champion=champion.sha256,
        window=found.labelled.window,
        labelled=found.labelled,
        metrics=found.metrics,
        signals=found.signals,
        drift=found.drift,
    )


def keep(project: Project, observed: Observed) -> None:
    """Keep what a window said; the same again is the same document."""
    project.store.put(Uri(f"{place(project, observed.environment)}{digest(observed)}.json"), encode(observed))


def signals(project: Project, environment: str, champion: str) -> list[Signal]:
    """Return every signal that windows of this champion raised, oldest window first."""
    own = sorted(of(project, environment, champion), key=lambda one: (one.window.end, one.labelled.labelled))
    return [signal for one in own for signal in one.signals]


def windows(project: Project, environment: str, champion: str) -> set[datetime]:
    """Return the ends of the windows of this champion that were measured."""
    return {one.window.end for one in of(project, environment, champion)}


def of(project: Project, environment: str, champion: str) -> Iterator[Observed]:
    for uri in project.store.uris(place(project, environment)):
        found = decode(project.store.get(uri), Observed, uri)
        if found.champion == champion:
            yield found
