"""An old record can always be read: one of each kind, as a real year left it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import headgate.adapters.looks
import headgate.cli.propose
import headgate.cli.track
import headgate.drift.kept
import headgate.models.package
import headgate.records.change
import headgate.records.live
import headgate.records.scoring
from headgate.records import codec
from headgate.records.codec import Record, decode, encode

RECORDS = sorted((Path(__file__).parent / "records").glob("*.json"))
KEPT = {
    "dataset",
    "validation-report",
    "model",
    "evaluation",
    "verdict",
    "pull-request",
    "live-tag",
    "trigger",
    "service-code",
    "partitions",
    "scores",
}
"""Kinds that other people's stores and repositories hold: each must have its golden file."""


def kinds(base: type[Record] = Record) -> Iterator[type[Record]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def type_of(content: bytes) -> type[Record]:
    named = msgspec.json.decode(content)["kind"]
    return next(kind for kind in kinds() if kind.__struct_config__.tag == named)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_of_its_day_reads_and_writes_the_same_bytes(path: Path) -> None:
    """A digest in Git stays the digest of what is read back."""
    content = path.read_bytes()

    record = decode(content, type_of(content), path.name)

    assert encode(record) == content


def test_every_kind_that_others_keep_has_a_golden_file() -> None:
    """A new version of a kind adds a file; it never replaces one."""
    names = {path.stem.rpartition("-")[0] for path in RECORDS}

    assert names >= KEPT


def test_an_older_version_is_upgraded_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way a `trigger/0` that said `because` for `detail` would be read."""
    path = next(path for path in RECORDS if path.stem == "trigger-1")
    old = {**msgspec.json.decode(path.read_bytes()), "kind": "trigger/0"}
    old["because"] = old.pop("detail")
    monkeypatch.setitem(
        codec.UPGRADES,
        "trigger/0",
        lambda found: {
            **{key: value for key, value in found.items() if key != "because"},
            "kind": "trigger/1",
            "detail": found["because"],
        },
    )

    read = decode(msgspec.json.encode(old), headgate.records.live.Trigger)

    assert encode(read) == path.read_bytes()
