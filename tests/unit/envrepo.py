"""A whole env repo: flights in dev and prod, with a model in both."""

from datetime import UTC, datetime, timedelta

from headgate.desired import initial
from headgate.names import Commit, Digest, Name
from headgate.specs.environment import CauseNote, DataPin, ModelPin, Version
from headgate.specs.writing import render_version

MODEL, OTHER, COMMIT = Digest("a" * 64), Digest("b" * 64), Commit("c" * 40)
AT = datetime(2013, 9, 1, 6, tzinfo=UTC)
VERSION = Version(
    storage_uri=f"models/flights/{MODEL}",
    model=ModelPin(name=Name("flights"), version="2013-07-30-aaaaaaaaaaaa", sha256=MODEL),
    dataset=DataPin(sha256=Digest("d" * 64), start=AT - timedelta(days=90), end=AT),
    code="code",
    lock="lock",
    seed=7,
    verdict=Digest("e" * 64),
    evidence=Digest("f" * 64),
    summary="PASS: AUC +.010 [.002, .018]",
    cause=CauseNote(cause="performance", detail="AUC low: 3 of 4"),
)


def texts(**changes: str | None) -> dict[str, str]:
    """Return a whole env repo; a change is by path, with None for no file."""
    first = {edit.path: edit.text or "" for edit in initial(["dev", "prod"], "flights")}
    first |= {f"env/{name}/flights/version.yaml": render_version(VERSION) for name in ("dev", "prod")}
    return {path: text for path, text in (first | changes).items() if text is not None}
