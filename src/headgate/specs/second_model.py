"""What may stand in serving.yaml of a second model: one that answers nobody, and one that answers people."""

from typing import Annotated

from msgspec import Meta

from headgate.names import DigestField, NameField
from headgate.specs.reading import Spec

ModelPlace = Annotated[str, Meta(pattern=r"^models/[a-z]([-a-z0-9]{0,38}[a-z0-9])?/[0-9a-f]{64}\Z")]


class Shadow(Spec, frozen=True, kw_only=True, rename={"storage_uri": "storageUri"}):
    """A registered model that sees requests and answers nobody: it needs no verdict."""

    storage_uri: ModelPlace
    """Where the store keeps it: `models/<service>/<sha256>`."""
    sha256: DigestField
    """Its package's digest."""
    share: Annotated[float, Meta(ge=0.0001, le=1)] = 0.1
    """Of the answered requests that it sees."""


class Experiment(Spec, frozen=True, kw_only=True, rename={"storage_uri": "storageUri"}):
    """A model that answers a part of the rows: one that passed the gate against the champion that answers the rest.

    All but name, key and share are the lines of that name in the version.yaml that `headgate propose` wrote for it.
    """

    name: NameField
    """What `headgate experiment` calls it. Another model, key or share is another experiment, under another name."""
    key: Annotated[str, Meta(min_length=1)]
    """The input by whose value rows are divided: what returns, a customer."""
    share: Annotated[float, Meta(ge=0.0001, le=0.9999)] = 0.5
    """Of the keys that it answers."""
    storage_uri: ModelPlace
    """Where the store keeps the model."""
    sha256: DigestField
    """The model's digest."""
    code: DigestField
    """Digest of the service's own files that made it: the champion's, which compute features for both."""
    verdict: DigestField
    """Digest of the gate's verdict, which the store has: it must say `pass`."""
    replaces: DigestField
    """The champion that the verdict compared it with: the one that main names, as long as the experiment lasts."""


class RateLimit(Spec, frozen=True, kw_only=True):
    """How much one pod takes of one client: what is more gets 429."""

    per_second: Annotated[float, Meta(gt=0, le=1_000_000)]
    """Requests of one client, at each pod."""
    header: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
    """By which clients are told apart: behind a router all of them have its address."""
