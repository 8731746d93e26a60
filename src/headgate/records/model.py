"""The immutable artifact that is judged and served."""

import hashlib
from datetime import datetime

import msgspec

from headgate.names import Digest, DigestField, NameField, Uri
from headgate.records.codec import Part, Record
from headgate.records.dataset import DatasetRef


class Trial(Part, frozen=True, kw_only=True):
    """One setting of the search and what it scored on the tune rows."""

    params: dict[str, float | int | str | bool | None]
    score: float


class Model(Record, frozen=True, kw_only=True, tag="model/1"):
    """A packaged model; `sha256` is over the package's manifest, which names every file's digest."""

    service: NameField
    version: str
    """For people, `<train end>-<sha256, first 12>`; the digest is the identity."""
    uri: Uri
    sha256: DigestField
    task: str
    dataset: DatasetRef
    train_end: datetime | None
    tune_end: datetime | None
    """Last event time that fit saw; None when the service has no event time."""
    code: str
    """Digest of the service's own files and of Headgate's version."""
    commit: str | None
    """Git commit of the model repo, None outside one."""
    params: dict[str, float | int | str | bool | None]
    seed: int
    lock: str
    """Digest of the installed packages' names and versions."""
    trainer: str
    trials: tuple[Trial, ...] = ()
    parity: float
    """Largest absolute difference between the estimator's and the package's predictions on tune rows."""
    predictor: str | msgspec.UnsetType = msgspec.UNSET
    """The image that answers for it, by digest, where Headgate's own server does not; the package says the same."""


class ServiceCode(Record, frozen=True, kw_only=True, tag="service-code/1"):
    """The service's own files as they trained a model: whoever serves it computes features by the same ones."""

    headgate: str
    """Headgate's version; a part of the digest."""
    spec: str
    """Which of the files is service.yaml."""
    files: dict[str, bytes]
    """Path below the service's folder → content."""

    @property
    def digest(self) -> Digest:
        """The digest that models and version.yaml call `code`."""
        sha256 = hashlib.sha256(f"headgate {self.headgate}\n".encode())
        for name in sorted(self.files):
            sha256.update(f"{hashlib.sha256(self.files[name]).hexdigest()}  {name}\n".encode())
        return Digest(sha256.hexdigest())


def code_uri(service: str, code: str) -> Uri:
    """Return where a store keeps the files that trained a model.

    >>> code_uri("flights", "1f0c2a")
    'code/flights/1f0c2a.json'
    """
    return Uri(f"code/{service}/{code}.json")
