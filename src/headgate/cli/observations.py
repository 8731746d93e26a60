"""What windows said, kept in the workspace: `drift` writes it, `trigger` weighs it."""

from headgate.cli.wiring import Project
from headgate.names import DigestField, NameField, Uri
from headgate.records.codec import Record, decode, digest, encode
from headgate.records.dataset import Window
from headgate.records.live import DriftReport, LabelledWindow, Signal, WindowMetric


class Observed(Record, frozen=True, kw_only=True, tag="observed/1"):
    """One matured window of one champion's answers."""

    service: NameField
    environment: NameField
    champion: DigestField
    window: Window
    labelled: LabelledWindow
    metrics: tuple[WindowMetric, ...]
    signals: tuple[Signal, ...]
    drift: DriftReport


def place(project: Project, environment: str) -> str:
    return f"observations/{project.spec.service}/{environment}/"


def keep(project: Project, observed: Observed) -> None:
    """Keep what a window said; the same again is the same document."""
    project.store.put(Uri(f"{place(project, observed.environment)}{digest(observed)}.json"), encode(observed))


def signals(project: Project, environment: str, champion: str) -> list[Signal]:
    """Return every signal that windows of this champion raised, oldest window first."""
    uris = project.store.uris(place(project, environment))
    found = [decode(project.store.get(uri), Observed, uri) for uri in uris]
    own = sorted(
        (one for one in found if one.champion == champion), key=lambda one: (one.window.end, one.labelled.labelled)
    )
    return [signal for one in own for signal in one.signals]
