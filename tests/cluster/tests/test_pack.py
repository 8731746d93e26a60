"""An image is what containerd takes, and a layer is made once."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Collection
from pathlib import Path

import pytest

from cluster.pack import Image, layer


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def fill(work: Path) -> None:
    """Put one file into a layer."""
    (work / "hello").write_text("hello")


def written(image: Image, there: Collection[str] = ()) -> dict[str, bytes]:
    """Return the files of the written image."""
    stream = io.BytesIO()
    image.write(stream, there)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as saved:
        return {name: saved.extractfile(name).read() for name in saved.getnames()}  # type: ignore[union-attr]


def test_every_blob_of_an_image_is_named_by_the_digest_of_its_bytes() -> None:
    """containerd refuses any other."""
    image = Image(name="one:1", layers=[layer("one", "1", fill)], entrypoint=["/hello"])

    files = written(image)

    blobs = {name.rpartition("/")[2]: content for name, content in files.items() if name.startswith("blobs/")}
    assert {hashlib.sha256(content).hexdigest() for content in blobs.values()} == set(blobs)
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"] == {"io.containerd.image.name": "one:1"}
    manifest = json.loads(blobs[entry["digest"].removeprefix("sha256:")])
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    assert config["rootfs"]["diff_ids"] == [one["digest"] for one in manifest["layers"]]


def test_a_layer_that_is_there_is_not_written_again() -> None:
    """After a change of the source a gigabyte of environment stays where it is."""
    kept, fresh = layer("one", "1", fill), layer("two", "1", lambda work: (work / "other").touch())
    image = Image(name="one:1", layers=[kept, fresh], entrypoint=["/hello"])

    files = written(image, {kept.sha256})

    assert f"blobs/sha256/{kept.sha256}" not in files
    assert f"blobs/sha256/{fresh.sha256}" in files


def test_a_layer_of_the_same_key_is_not_filled_again() -> None:
    """An environment of a gigabyte is packed once for each lock file."""
    made = layer("one", "1", fill)

    def refuse(_work: Path) -> None:
        pytest.fail("filled again")

    assert layer("one", "1", refuse) == made


def test_a_new_key_replaces_the_layer_and_takes_the_old_file_away() -> None:
    """The cache holds one layer of each name."""
    old = layer("one", "1", fill)

    new = layer("one", "2", lambda work: (work / "other").touch())

    assert new.sha256 != old.sha256
    assert not old.file.exists()


def test_a_layer_whose_packing_was_interrupted_is_packed_anew() -> None:
    """The digest is written last: a tar without one is not whole."""
    made = layer("one", "1", fill)
    made.file.with_suffix(".sha256").unlink()
    made.file.write_bytes(b"half")

    assert layer("one", "1", fill) == made


def test_files_keep_their_times() -> None:
    """Else Python takes none of an image's compiled code, and each start of a pod compiles anew."""

    def dated(work: Path) -> None:
        (work / "module.py").touch()
        os.utime(work / "module.py", (1_000_000_000, 1_000_000_000))

    with tarfile.open(layer("dated", "1", dated).file) as packed:
        assert 1_000_000_000 == packed.getmember("./module.py").mtime
