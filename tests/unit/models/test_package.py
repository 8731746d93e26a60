"""A model's folder, whole or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from makings import SIGNATURE

from headgate.errors import PermanentError
from headgate.models import package
from headgate.records.codec import digest_of
from limits import largest_file

DOCUMENTS = {"reference.json": "{}\n"}


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, str]:
    folder = tmp_path / "model"
    return folder, package.write(folder, b"onnx", SIGNATURE, DOCUMENTS)


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(PermanentError) as caught:
        call(*arguments)
    return "\n".join(caught.value.lines())


@pytest.mark.parametrize("name", ["model.onnx", "signature.json", "reference.json", "manifest.json"])
def test_one_changed_byte_in_any_file_is_refused(written: tuple[Path, str], name: str) -> None:
    """Nothing is parsed before every digest is right."""
    folder, sha256 = written
    content = bytearray((folder / name).read_bytes())
    content[0] ^= 1
    (folder / name).write_bytes(content)

    assert f"is not what Git says: {name} has another sha256" in refused(package.verify, folder, sha256)


@pytest.mark.parametrize("name", ["model.onnx", "signature.json", "reference.json", "manifest.json"])
def test_a_missing_file_is_named(written: tuple[Path, str], name: str) -> None:
    """A half-copied folder is no model."""
    folder, sha256 = written
    (folder / name).unlink()

    assert f"has no readable {name}" in refused(package.verify, folder, sha256)


def test_another_whole_model_under_this_name_is_refused(written: tuple[Path, str], tmp_path: Path) -> None:
    """A swapped model is consistent in itself, and still not the one Git names."""
    folder, _ = written
    other = package.write(tmp_path / "other", b"other", SIGNATURE, {})

    assert "is not what Git says" in refused(package.verify, folder, other)


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "manifest.json", "model.onnx", "x" * 101, "a\nb"])
def test_hostile_document_names_are_refused(tmp_path: Path, name: str) -> None:
    """Nothing is ever written beside the folder, or over the model."""
    said = refused(package.write, tmp_path / "model", b"onnx", SIGNATURE, {name: "text"})

    assert "is no name for a document" in said
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_names_every_file_with_its_digest(written: tuple[Path, str]) -> None:
    """And the manifest's own digest is the model's."""
    folder, sha256 = written
    manifest = json.loads((folder / "manifest.json").read_bytes())

    expected = {path.name: digest_of(path.read_bytes()) for path in folder.iterdir() if path.name != "manifest.json"}

    assert expected == manifest["files"]
    assert sha256 == digest_of((folder / "manifest.json").read_bytes())


def test_the_same_contents_have_the_same_digest_wherever_they_are(written: tuple[Path, str], tmp_path: Path) -> None:
    """A model's identity is what is in it."""
    assert written[1] == package.write(tmp_path / "deep" / "elsewhere", b"onnx", SIGNATURE, DOCUMENTS)


def test_writing_a_package_twice_is_fine(written: tuple[Path, str]) -> None:
    """The same command again finds its work done."""
    folder, sha256 = written

    assert sha256 == package.write(folder, b"onnx", SIGNATURE, DOCUMENTS)


def test_a_folder_with_another_model_is_not_overwritten(written: tuple[Path, str]) -> None:
    """Models are immutable."""
    folder, sha256 = written

    refused(package.write, folder, b"other", SIGNATURE, DOCUMENTS)

    assert package.verify(folder, sha256)


def test_a_full_disk_is_permanent_and_leaves_no_package(tmp_path: Path) -> None:
    """A retry would find the same disk as full; what was half written is none, and is written again with room."""
    with largest_file(1000), pytest.raises(PermanentError, match="disk full"):
        package.write(tmp_path / "model", b"onnx" * 1000, SIGNATURE, {})

    assert "no readable manifest.json" in refused(package.verify, tmp_path / "model", "0" * 64)
    assert package.verify(tmp_path / "model", package.write(tmp_path / "model", b"onnx" * 1000, SIGNATURE, {}))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file in the way is named."""
    (tmp_path / "file").write_text("in the way")

    assert "cannot write model package" in refused(package.write, tmp_path / "file" / "model", b"", SIGNATURE, {})
