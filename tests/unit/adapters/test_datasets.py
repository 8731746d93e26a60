"""A dataset's folder is the same bytes for the same rows, and is read only when it is whole."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.adapters.datasets import opened, pack, parquet, read_kept, read_part, seal
from headgate.adapters.files import FileStore
from headgate.errors import PermanentError, TransientError
from headgate.names import Digest, Name
from headgate.records.codec import digest_of
from headgate.records.dataset import DataPart, DatasetManifest, DatasetRef, dataset_of

ROWS = pl.DataFrame(
    {
        "at": [datetime(2013, 1, day, tzinfo=UTC) for day in range(1, 32)] * 100,
        "carrier": ["UA", "AA", None] * 1033 + ["é"],
        "temp": [float(n) for n in range(3100)],
    }
)


def sealed(folder: Path, rows: pl.DataFrame = ROWS) -> DatasetRef:
    """Return a dataset of one part, packed and sealed in `folder`."""
    path, sha256 = pack({"gate": rows}, folder)["gate"]
    gate = DataPart(path=path, sha256=sha256, rows=rows.height, window=None, labels_missing=0)
    dataset = dataset_of(
        DatasetManifest(
            service=Name("demo"),
            rows=rows.height,
            window=None,
            parts={"gate": gate},
            contract=Digest("c" * 64),
            source="x.csv",
        )
    )
    seal(folder, dataset)
    return dataset


def test_a_part_that_was_truncated_is_corrupt_and_never_parsed(tmp_path: Path) -> None:
    """The digest comes first: a short Parquet file is not even opened."""
    dataset = sealed(tmp_path)
    content = (tmp_path / "gate.parquet").read_bytes()
    (tmp_path / "gate.parquet").write_bytes(content[: len(content) // 2])

    with pytest.raises(PermanentError, match=r"gate part of dataset .* is corrupt") as caught:
        read_part(tmp_path, dataset, "gate")

    assert "sha256" in str(caught.value.found)


def test_a_swapped_part_is_corrupt(tmp_path: Path) -> None:
    """Other rows under the same name are not the dataset."""
    dataset = sealed(tmp_path)
    ROWS.reverse().write_parquet(tmp_path / "gate.parquet")

    with pytest.raises(PermanentError, match="is corrupt"):
        read_part(tmp_path, dataset, "gate")


def test_a_part_with_other_row_count_than_its_manifest_says_is_corrupt(tmp_path: Path) -> None:
    """Digest right, count wrong: the manifest was not made by us."""
    dataset = sealed(tmp_path)
    part = dataset.parts["gate"]
    lying = DataPart(path=part.path, sha256=part.sha256, rows=7, window=None, labels_missing=0)
    manifest = dataset.manifest()
    wrong = dataset_of(
        DatasetManifest(
            service=manifest.service,
            rows=7,
            window=None,
            parts={"gate": lying},
            contract=manifest.contract,
            source=manifest.source,
        )
    )

    with pytest.raises(PermanentError, match="is corrupt") as caught:
        read_part(tmp_path, wrong, "gate")

    assert caught.value.found == "3,100 rows; expected 7"


def test_a_part_that_is_not_there_is_corrupt(tmp_path: Path) -> None:
    """The manifest was written last, so the file was there once."""
    dataset = sealed(tmp_path)
    (tmp_path / "gate.parquet").unlink()

    with pytest.raises(PermanentError, match="is corrupt"):
        read_part(tmp_path, dataset, "gate")


def test_an_unknown_part_is_named_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    """A dataset has the parts its manifest lists."""
    dataset = sealed(tmp_path)

    with pytest.raises(PermanentError, match=r"no part 'gates'\. Did you mean 'gate'"):
        read_part(tmp_path, dataset, "gates")


def test_a_folder_without_manifest_is_not_a_dataset_yet(tmp_path: Path) -> None:
    """Its writer may still be at it."""
    pack({"gate": ROWS}, tmp_path)

    with pytest.raises(TransientError, match=r"no manifest\.json yet"):
        opened(tmp_path)


def test_a_dataset_comes_back_from_its_folder_alone(tmp_path: Path) -> None:
    """The manifest says everything but its own digest."""
    dataset = sealed(tmp_path)

    assert opened(tmp_path) == dataset
    assert read_part(tmp_path, dataset, "gate").equals(ROWS)


def test_a_kept_dataset_is_read_through_the_store(tmp_path: Path) -> None:
    """The URI's digest is the manifest's."""
    dataset = sealed(tmp_path / "made")
    store = FileStore(tmp_path / "store")

    store.put_folder(dataset.uri, tmp_path / "made")

    assert read_kept(store, dataset, "gate").equals(ROWS)
    assert digest_of((store.folder(dataset.uri) / "manifest.json").read_bytes()) == dataset.sha256


def test_packing_over_what_a_killed_run_left_gives_the_same_dataset(tmp_path: Path) -> None:
    """Half a file from before is overwritten."""
    (tmp_path / "gate.parquet").write_bytes(b"PAR1 half")

    assert sealed(tmp_path) == sealed(tmp_path / "fresh")


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 3100), max_size=6))
def test_equal_rows_are_equal_bytes_however_the_frame_is_chunked(cuts: list[int]) -> None:
    """A dataset's digest is about rows, not about how they came."""
    edges = [0, *sorted(cuts), 3100]
    chunked = pl.concat([ROWS[a:b] for a, b in itertools.pairwise(edges)], rechunk=False)

    assert digest_of(parquet(chunked)) == digest_of(parquet(ROWS))
