"""Looks at one holdout are counted, also by processes that look at the same moment."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import msgspec
import pytest

from headgate.adapters.files import FileStore
from headgate.adapters.looks import number
from headgate.errors import PermanentError
from headgate.names import Digest, Uri
from headgate.records.codec import digest_of
from headgate.records.dataset import DataPart, Window
from headgate.records.model import Model
from unit.gate.evidence import model

AUGUST = datetime(2013, 8, 1, tzinfo=UTC)
EACH = 12


def judged(name: str, start: datetime = AUGUST) -> Model:
    """Return a model whose gate rows begin at `start` and last three weeks."""
    window = Window(start=start, end=start + timedelta(days=21))
    gate = DataPart(path="gate.parquet", rows=9, sha256=digest_of(f"{start}".encode()), window=window, labels_missing=0)
    made = model(Digest(digest_of(name.encode())))
    return msgspec.structs.replace(made, dataset=msgspec.structs.replace(made.dataset, parts={"gate": gate}))


def look_often(root: Path, who: str, together: Barrier) -> None:
    """Look with model after model, each at the same moment as the other process."""
    for place in range(EACH):
        together.wait(60)
        number(FileStore(root), judged(f"{who} {place}"))


def test_each_model_is_one_look_at_a_holdout(tmp_path: Path) -> None:
    """Judged again is no new look, other rows are another holdout, overlapping ones are not."""
    store = FileStore(tmp_path)
    months = {"september": AUGUST + timedelta(days=31), "mid-august": AUGUST + timedelta(days=10)}

    numbers = [number(store, judged(name)) for name in ("first", "second", "first")]
    others = [number(store, judged(name, start)) for name, start in months.items()]

    assert numbers == [1, 2, 1]
    assert others == [1, 3]


def test_two_processes_never_get_the_same_look(tmp_path: Path) -> None:
    """Two runs at the same moment would each have judged at the level of the first."""
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    both = [spawn.Process(target=look_often, args=(tmp_path, who, together)) for who in ("one", "other")]
    for process in both:
        process.start()
    for process in both:
        process.join(120)

    numbers = [number(FileStore(tmp_path), judged(f"{who} {at}")) for who in ("one", "other") for at in range(EACH)]

    assert [process.exitcode for process in both] == [0, 0]
    assert sorted(numbers) == list(range(1, 2 * EACH + 1))


def test_a_look_that_cannot_be_kept_is_no_look(tmp_path: Path) -> None:
    """A store that refuses is told, not asked for ever."""
    store = FileStore(tmp_path)
    (tmp_path / "looks").write_text("in the way")

    with pytest.raises(PermanentError, match="cannot keep"):
        number(store, judged("first"))

    assert not store.has(Uri("looks/flights/000001.json"))
