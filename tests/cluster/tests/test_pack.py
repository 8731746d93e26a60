"""An image is what `docker save` would write, and a layer is made once."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from cluster.pack import Image, layer


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def fill(work: Path) -> None:
    """Put one file into a layer."""
    (work / "hello").write_text("hello")


def test_a_saved_image_names_its_layers_by_the_digest_of_their_bytes() -> None:
    """containerd refuses an image whose `diff_ids` are not those of its layers."""
    image = Image(name="one:1", layers=[layer("one", "1", fill)], entrypoint=["/hello"])
    written = io.BytesIO()

    image.write(written)

    written.seek(0)
    with tarfile.open(fileobj=written) as saved:
        content = {name: saved.extractfile(name).read() for name in saved.getnames()}  # type: ignore[union-attr]
    (manifest,) = json.loads(content["manifest.json"])
    config = json.loads(content[manifest["Config"]])
    assert manifest["RepoTags"] == ["one:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content[manifest['Layers'][0]]).hexdigest()}"]


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
