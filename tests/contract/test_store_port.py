"""What every Store promises, asked of each adapter."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.buckets import S3, Stores
from headgate.adapters.bucket import Bucket
from headgate.adapters.files import FileStore
from headgate.adapters.s3 import S3Store
from headgate.errors import PermanentError, TransientError
from headgate.names import Uri
from headgate.ports import Store
from headgate.records.codec import digest_of

COUNTER = itertools.count()
Opening = Callable[[], Store]


def in_a_bucket(server: S3, folder: Path) -> Opening:
    """Return how to open the store of a new bucket: each time with an empty cache, as another pod would."""
    name = f"bucket-{next(COUNTER)}"
    server.bucket(name)
    with pytest.MonkeyPatch.context() as patched:
        for variable, value in server.variables().items():
            patched.setenv(variable, value)
        bucket = Bucket(name)
    return lambda: S3Store(bucket, "team/a", folder / f"cache-{next(COUNTER)}")


STORES: dict[str, Callable[[Stores, Path], Opening]] = {
    "files": lambda _, folder: lambda: FileStore(folder / "store"),
    "moto": lambda stores, folder: in_a_bucket(stores.moto, folder),
    "rclone": lambda stores, folder: in_a_bucket(stores.rclone, folder),
}
"""Adapter and server → how to open a store; opened twice it is the same store."""
WITH_CONDITIONS = ["files", "moto"]
"""Where of writers at one moment one wins; rclone's server, as some old ones, overwrites what it is asked not to."""


@pytest.fixture(params=STORES)
def opening(request: pytest.FixtureRequest, stores: Stores, tmp_path: Path) -> Opening:
    """Return how to open the store of one adapter."""
    return STORES[request.param](stores, tmp_path)


@pytest.fixture
def store(opening: Opening) -> Store:
    """Return an empty store."""
    return opening()


def made_folder(folder: Path, manifest: bytes = b"{}", **files: bytes) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "manifest.json").write_bytes(manifest)
    return folder


def test_what_was_never_put_is_a_permanent_error_that_names_it(store: Store) -> None:
    """Retrying cannot help: nothing will appear under a document's URI by waiting."""
    with pytest.raises(PermanentError, match=r"no document 'verdicts/a\.json'"):
        store.get(Uri("verdicts/a.json"))


def test_a_folder_that_is_not_there_yet_may_be_retried(store: Store) -> None:
    """A writer that has not finished is the usual reason."""
    with pytest.raises(TransientError, match=r"no manifest\.json yet"):
        store.folder(Uri("models/flights/" + "a" * 64))


@pytest.mark.parametrize(
    "uri",
    ["", "/etc/passwd", "../out", "a/../../out", "a//b", "a/./b", "a/.hidden", "a\\..\\b", "a\nb", "a\0b", "x" * 300],
)
def test_a_uri_that_could_lead_out_of_the_store_is_refused(store: Store, uri: str) -> None:
    """Hostile names never become paths."""
    with pytest.raises(PermanentError, match="is not a URI"):
        store.put(Uri(uri), b"x")
    with pytest.raises(PermanentError, match="is not a URI"):
        store.get(Uri(uri))


def test_other_content_under_a_kept_uri_is_refused_and_the_first_stays(store: Store) -> None:
    """What is kept never changes."""
    store.put(Uri("a.json"), b"first")

    with pytest.raises(PermanentError, match="other content"):
        store.put(Uri("a.json"), b"second")

    assert store.get(Uri("a.json")) == b"first"


def test_a_folder_without_manifest_is_refused(store: Store, tmp_path: Path) -> None:
    """Nobody could ever tell that it is whole."""
    (tmp_path / "made").mkdir()

    with pytest.raises(PermanentError, match=r"no manifest\.json"):
        store.put_folder(Uri("models/a"), tmp_path / "made")

    assert not store.has(Uri("models/a"))


def test_a_manifest_that_is_not_the_uris_digest_is_corrupt(store: Store, tmp_path: Path) -> None:
    """The digest in the URI is checked before anyone reads the folder."""
    uri = Uri("models/flights/" + "a" * 64)
    store.put_folder(uri, made_folder(tmp_path / "made"))

    with pytest.raises(PermanentError, match="is corrupt"):
        store.folder(uri)


def test_a_document_comes_back_byte_for_byte_from_a_store_opened_anew(opening: Opening) -> None:
    """Kept means on the disk, not in the process."""
    content = bytes(range(256)) * 5000

    opening().put(Uri("evidence/a.bin"), content)

    assert opening().get(Uri("evidence/a.bin")) == content


def test_the_same_document_twice_is_fine(store: Store) -> None:
    """A step that runs again puts what it put."""
    store.put(Uri("a.json"), b"same")

    store.put(Uri("a.json"), b"same")

    assert store.get(Uri("a.json")) == b"same"


def test_a_folder_comes_back_with_all_its_files(opening: Opening, tmp_path: Path) -> None:
    """Sub-folders too."""
    made = made_folder(tmp_path / "made", manifest=b"{1}", a=b"A" * 3_000_000)
    (made / "sub").mkdir()
    (made / "sub" / "b").write_bytes(b"B")
    uri = Uri(f"models/flights/{digest_of(b'{1}')}")

    opening().put_folder(uri, made)

    kept = opening().folder(uri)
    assert (kept / "a").read_bytes() == b"A" * 3_000_000
    assert (kept / "sub" / "b").read_bytes() == b"B"


def test_a_kept_folder_is_left_as_it_is(store: Store, tmp_path: Path) -> None:
    """The first writer wins; the second finds it done."""
    store.put_folder(Uri("models/a"), made_folder(tmp_path / "first", a=b"1"))

    store.put_folder(Uri("models/a"), made_folder(tmp_path / "second", a=b"2"))

    assert (store.folder(Uri("models/a")) / "a").read_bytes() == b"1"


def test_has_says_what_is_kept(store: Store, tmp_path: Path) -> None:
    """Documents and folders, and nothing else."""
    store.put(Uri("runs/a.json"), b"x")
    store.put_folder(Uri("models/a"), made_folder(tmp_path / "made"))

    found = [store.has(Uri(uri)) for uri in ("runs/a.json", "models/a", "runs", "models", "runs/b.json")]

    assert found == [True, True, False, False, False]


def test_uris_lists_documents_sorted_and_no_files_of_folders(store: Store, tmp_path: Path) -> None:
    """A folder is read by its own URI."""
    for uri in ("verdicts/b.json", "verdicts/a.json", "verdicts/old/c.json", "verdictsx.json"):
        store.put(Uri(uri), b"x")
    store.put_folder(Uri("verdicts/folder"), made_folder(tmp_path / "made", a=b"1"))

    found = store.uris("verdicts")

    assert found == ["verdicts/a.json", "verdicts/b.json", "verdicts/old/c.json"]
    assert store.uris("nothing") == []


@pytest.mark.parametrize("opening", WITH_CONDITIONS, indirect=True)
def test_of_writers_at_the_same_time_one_wins_and_the_others_are_told(opening: Opening) -> None:
    """Eight writers, eight contents: one is kept, seven hear of it."""
    refused: list[PermanentError] = []
    start = threading.Barrier(8)

    def write(content: bytes) -> None:
        store = opening()
        start.wait()
        try:
            store.put(Uri("same.json"), content)
        except PermanentError as err:
            refused.append(err)

    threads = [threading.Thread(target=write, args=(bytes([65 + i]) * 100_000,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 7
    assert len(set(opening().get(Uri("same.json")))) == 1
