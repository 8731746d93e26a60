"""What an S3 store promises beyond the port: kills in mid-upload, garbled objects, servers that refuse."""

import itertools
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.buckets import Stores
from headgate.adapters import bucket as bucket_module
from headgate.adapters.bucket import Bucket
from headgate.adapters.s3 import S3Store, open_store, place_of
from headgate.errors import PermanentError, TransientError, UsageError
from headgate.names import Uri
from headgate.records.codec import digest_of

MANIFEST = b"{1}"
MODEL = Uri(f"models/flights/{digest_of(MANIFEST)}")
COUNTER = itertools.count()


@pytest.fixture
def bucket(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Return a new bucket."""
    name = f"own-{next(COUNTER)}"
    stores.moto.bucket(name)
    for variable, value in stores.moto.variables().items():
        monkeypatch.setenv(variable, value)
    return Bucket(name)


@pytest.fixture
def opening(bucket: Bucket, tmp_path: Path) -> Callable[[], S3Store]:
    """Return how another pod opens the store: with an empty cache."""
    return lambda: S3Store(bucket, "", tmp_path / f"cache-{next(COUNTER)}")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a model's folder."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"M" * 100_000)
    (folder / "manifest.json").write_bytes(MANIFEST)
    return folder


@pytest.mark.parametrize("url", ["", "s3://", "s3:///x", "https://x/y", "s3://b/../x", "s3://b/.x", "s3://b\n"])
def test_a_url_that_names_no_bucket_is_refused(url: str) -> None:
    """Before anything is asked of a server."""
    with pytest.raises(UsageError, match="no store"):
        place_of(url)


def test_without_keys_the_error_says_which_to_set(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod without its Secret."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(PermanentError, match="no credentials") as caught:
        Bucket(bucket.name).get("a")

    assert "AWS_ACCESS_KEY_ID" in (caught.value.next_step or "")


def test_a_bucket_that_is_not_there_is_named(stores: Stores, bucket: Bucket, tmp_path: Path) -> None:
    """Waiting does not make one."""
    with pytest.raises(PermanentError, match="no such bucket"):
        open_store("s3://nowhere/x", tmp_path).put(Uri("a.json"), b"1")


def test_a_server_that_is_away_may_come_back(monkeypatch: pytest.MonkeyPatch, bucket: Bucket, tmp_path: Path) -> None:
    """Exit 75: the engine tries again."""
    monkeypatch.setattr(bucket_module, "ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")

    with pytest.raises(TransientError, match=r"cannot read 'a\.json'"):
        open_store("s3://anything", tmp_path).get(Uri("a.json"))


@pytest.mark.parametrize("stop", range(3))
def test_an_upload_that_was_killed_is_no_folder_and_can_be_made_again(
    opening: Callable[[], S3Store], bucket: Bucket, made: Path, stop: int
) -> None:
    """At every step: before the first object, after the index, after the model; a second try finishes it."""
    writes: list[str] = []

    class Killed(Bucket):
        def upload(self, key: str, path: Path) -> None:
            self.count(key)
            super().upload(key, path)

        def replace(self, key: str, content: bytes) -> None:
            self.count(key)
            super().replace(key, content)

        def count(self, key: str) -> None:
            if len(writes) == stop:
                raise KeyboardInterrupt
            writes.append(key)

    store = opening()
    store.bucket = Killed(bucket.name)
    with pytest.raises(KeyboardInterrupt):
        store.put_folder(MODEL, made)

    half = opening()
    with pytest.raises(TransientError, match=r"no manifest\.json yet"):
        half.folder(MODEL)
    assert (half.has(MODEL), half.uris("models")) == (False, [])

    half.put_folder(MODEL, made)

    assert (opening().folder(MODEL) / "model.onnx").read_bytes() == b"M" * 100_000


def test_the_manifest_is_written_last(opening: Callable[[], S3Store], bucket: Bucket, made: Path) -> None:
    """Who reads the bucket without our index, such as a storage initializer, sees it last too."""
    store = opening()
    keys: list[str] = []
    upload = bucket.upload

    def noted(key: str, path: Path) -> None:
        keys.append(key)
        upload(key, path)

    store.bucket.upload = noted  # type: ignore[method-assign]

    store.put_folder(MODEL, made)

    assert keys == [f"{MODEL}/model.onnx", f"{MODEL}/manifest.json"]


@pytest.mark.parametrize("content", [b"", b"M" * 99_999, b"X" + b"M" * 99_999], ids=["empty", "cut", "changed"])
def test_an_object_that_somebody_changed_is_corrupt(
    opening: Callable[[], S3Store], bucket: Bucket, made: Path, content: bytes
) -> None:
    """Truncated or swapped: nothing of it reaches the local folder."""
    opening().put_folder(MODEL, made)
    bucket.replace(f"{MODEL}/model.onnx", content)
    reader = opening()

    with pytest.raises(PermanentError, match=r"is corrupt: its model\.onnx"):
        reader.folder(MODEL)

    assert not [path for path in reader.cache.rglob("*") if path.is_file()]


def test_an_index_cannot_lead_out_of_the_cache(opening: Callable[[], S3Store], bucket: Bucket, made: Path) -> None:
    """A bucket is not trusted with paths."""
    opening().put_folder(MODEL, made)
    index = bucket.get(f".folders/{MODEL}.json") or b""
    bucket.replace(f".folders/{MODEL}.json", index.replace(b"model.onnx", b"../../evil"))

    with pytest.raises(PermanentError, match="no file of a folder"):
        opening().folder(MODEL)


def test_a_copied_folder_is_read_without_the_server(opening: Callable[[], S3Store], made: Path, bucket: Bucket) -> None:
    """What is kept never changes, so a copy is as good."""
    store = opening()
    store.put_folder(MODEL, made)
    copy = store.folder(MODEL)
    bucket.client.close()
    bucket.client = None

    again = store.folder(MODEL)

    assert again == copy


def test_a_large_file_goes_up_in_parts(
    opening: Callable[[], S3Store], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And comes back byte for byte."""
    monkeypatch.setattr(bucket_module, "PART_BYTES", 5 << 20)
    content = bytes(range(256)) * (11 << 12)
    (made / "model.onnx").write_bytes(content)
    store = opening()
    parts: list[Any] = []
    store.bucket.client.meta.events.register("before-call.s3.UploadPart", lambda **_: parts.append(1))

    store.put_folder(MODEL, made)

    assert len(parts) == 3
    assert (opening().folder(MODEL) / "model.onnx").read_bytes() == content
