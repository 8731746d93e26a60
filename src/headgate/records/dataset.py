"""Rows, where they are, and whether they are fit to learn from."""

from datetime import datetime, timedelta
from typing import Literal

from headgate.names import DigestField, NameField, Uri
from headgate.records.codec import Part, Record, digest

PART_NAMES = ("train", "tune", "gate")


class Window(Part, frozen=True, kw_only=True):
    """A half-open interval of event time: start <= t < end (UTC)."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


class DataPart(Part, frozen=True, kw_only=True):
    """One file of a dataset: `train`, `tune` or `gate` rows."""

    path: str
    sha256: DigestField
    rows: int
    window: Window | None
    """None when the service has no event time."""
    labels_missing: int
    """Rows whose label never came, kept apart from learning and measured as a worst case."""


class DatasetManifest(Record, frozen=True, kw_only=True, tag="dataset-manifest/1"):
    """What `manifest.json` beside the parts says; its digest is the dataset's."""

    service: NameField
    rows: int
    window: Window | None
    parts: dict[str, DataPart]
    contract: DigestField
    source: str


class DatasetRef(Record, frozen=True, kw_only=True, tag="dataset/1"):
    """An immutable dataset; `sha256` is over its manifest, which is written last."""

    service: NameField
    uri: Uri
    sha256: DigestField
    rows: int
    window: Window | None
    parts: dict[str, DataPart]
    """By name: train, tune, gate. Gate rows are read by evaluate alone."""
    contract: DigestField
    source: str
    """What was read: a reader's name or a file's name."""

    def manifest(self) -> DatasetManifest:
        """Return the document whose digest is `sha256`."""
        return DatasetManifest(
            service=self.service,
            rows=self.rows,
            window=self.window,
            parts=self.parts,
            contract=self.contract,
            source=self.source,
        )


def dataset_of(manifest: DatasetManifest) -> DatasetRef:
    """Return the reference to the dataset a manifest describes, its URI made of service and digest."""
    sha256 = digest(manifest)
    return DatasetRef(
        uri=Uri(f"datasets/{manifest.service}/{sha256}"),
        sha256=sha256,
        service=manifest.service,
        rows=manifest.rows,
        window=manifest.window,
        parts=manifest.parts,
        contract=manifest.contract,
        source=manifest.source,
    )


class Check(Part, frozen=True, kw_only=True):
    """One question put to a dataset and its answer."""

    name: str
    column: str | None
    severity: Literal["error", "warning"]
    outcome: Literal["pass", "warn", "fail"]
    detail: str
    rows: int = 0
    """How many rows broke the rule."""


class ValidationReport(Record, frozen=True, kw_only=True, tag="validation-report/1"):
    """Every check of the contract on every part; `outcome` is the worst of them."""

    dataset: DatasetRef
    checks: tuple[Check, ...]
    outcome: Literal["pass", "warn", "fail"]
    engine: str
    """`headgate` or `gx`."""
