"""A dataset as a folder: a Parquet file a part, and manifest.json written last."""

import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from headgate.adapters.durable import replace_file, write_file
from headgate.errors import PermanentError, TransientError, speaking
from headgate.names import Digest, did_you_mean, short
from headgate.ports import Store
from headgate.records.codec import decode, digest_of, encode
from headgate.records.dataset import DatasetManifest, DatasetRef, dataset_of

MANIFEST = "manifest.json"
ROW_GROUP = 131_072
"""Rows; fixed, so that equal rows are equal bytes whatever the frame's chunks were."""


def pack(parts: Mapping[str, pl.DataFrame], folder: Path) -> dict[str, tuple[str, Digest]]:
    """Write each part to `<part>.parquet` and return its file name and sha256: the same rows give the same digest."""
    with speaking(f"write dataset parts to {str(folder)!r}"):
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for part, rows in parts.items():
            content = parquet(rows)
            write_file(folder / f"{part}.parquet", content)
            files[part] = (f"{part}.parquet", digest_of(content))
    return files


def seal(folder: Path, dataset: DatasetRef) -> None:
    """Write the manifest beside the parts: from now on the folder is a dataset."""
    with speaking(f"write the manifest of {dataset.uri!r}"):
        replace_file(folder / MANIFEST, encode(dataset.manifest()))


def opened(folder: Path) -> DatasetRef:
    """Return the dataset that a sealed folder holds; TransientError while it has no manifest."""
    try:
        content = (folder / MANIFEST).read_bytes()
    except FileNotFoundError as err:
        raise TransientError(f"dataset folder {str(folder)!r} has no {MANIFEST} yet") from err
    return dataset_of(decode(content, DatasetManifest, str(folder / MANIFEST)))


def read_part(folder: Path, dataset: DatasetRef, part: str) -> pl.DataFrame:
    """Return one part's rows, its sha256 and row count checked before anything is parsed."""
    if part not in dataset.parts:
        raise PermanentError(
            f"dataset {short(dataset.sha256)} has no part {part!r}.{did_you_mean(part, dataset.parts)}",
            found=", ".join(dataset.parts),
        )
    recorded = dataset.parts[part]
    what = f"{part} part of dataset {short(dataset.sha256)}"
    try:
        content = (folder / recorded.path).read_bytes()
    except FileNotFoundError as err:
        raise corrupt(what, f"no file {recorded.path!r}") from err
    if (found := digest_of(content)) != recorded.sha256:
        raise corrupt(what, f"sha256 {short(found)}…, {len(content):,} bytes; expected {short(recorded.sha256)}…")
    rows = pl.read_parquet(io.BytesIO(content))
    if rows.height != recorded.rows:
        raise corrupt(what, f"{rows.height:,} rows; expected {recorded.rows:,}")
    return rows


def read_kept(store: Store, dataset: DatasetRef, part: str) -> pl.DataFrame:
    """Return one part's rows of a dataset kept in a store."""
    return read_part(store.folder(dataset.uri), dataset, part)


def parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.rechunk().write_parquet(buffer, compression="zstd", compression_level=3, row_group_size=ROW_GROUP)
    return buffer.getvalue()


def corrupt(what: str, found: str) -> PermanentError:
    return PermanentError(f"{what} is corrupt", found=found, next_step="delete the dataset's folder and collect again")
