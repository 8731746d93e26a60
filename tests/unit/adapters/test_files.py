"""A store in a folder survives kills and full disks."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headgate.adapters.files import FileStore
from headgate.errors import PermanentError
from headgate.names import Uri
from limits import largest_file

LEAVES_A_TEMP = """
import sys, time
from pathlib import Path
from headgate.adapters.durable import temporary
with temporary(Path(sys.argv[1]), folder=sys.argv[2] == "folder") as (path, _):
    (path / "half" if path.is_dir() else path).write_bytes(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""
PUTS_FOR_EVER = """
import sys
from pathlib import Path
from headgate.adapters.files import FileStore
store = FileStore(Path(sys.argv[1]))
print("ready", flush=True)
for n in range(10**9):
    store.put_folder(f"models/m{n}", Path(sys.argv[2]))
    store.put(f"docs/d{n}", b"D" * 300_000)
"""


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a writer until it says ready; killed at the end."""
    with subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def whole_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "part").write_bytes(b"P" * 500_000)
    (folder / "manifest.json").write_bytes(b"{}")
    return folder


def everything(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_full_disk_is_said_and_leaves_nothing_of_a_document(tmp_path: Path) -> None:
    """Nothing half written is visible, and no temporary stays."""
    store = FileStore(tmp_path / "store")

    with largest_file(1000), pytest.raises(PermanentError, match="disk full") as caught:
        store.put(Uri("big.bin"), b"x" * 100_000)

    assert "free some space" in "".join(caught.value.lines())
    assert everything(tmp_path / "store") == []
    store.put(Uri("big.bin"), b"x" * 100_000)
    assert store.has(Uri("big.bin"))


def test_a_full_disk_is_said_and_leaves_nothing_of_a_folder(tmp_path: Path) -> None:
    """The folder can be put again when there is room."""
    made = whole_folder(tmp_path / "made")
    store = FileStore(tmp_path / "store")

    with largest_file(1000), pytest.raises(PermanentError, match="disk full"):
        store.put_folder(Uri("models/a"), made)

    assert everything(tmp_path / "store") == []
    store.put_folder(Uri("models/a"), made)
    assert store.has(Uri("models/a"))


def test_a_file_where_a_folder_must_be_is_a_permanent_error(tmp_path: Path) -> None:
    """The vendor's exception does not cross the port."""
    store = FileStore(tmp_path / "store")
    store.put(Uri("a"), b"x")

    with pytest.raises(PermanentError, match="cannot keep 'a/b'"):
        store.put(Uri("a/b"), b"x")


def test_a_link_that_leads_out_of_the_store_is_refused(tmp_path: Path) -> None:
    """Paths are checked after they are resolved."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "way").symlink_to(tmp_path / "outside")

    with pytest.raises(PermanentError, match="leads out of store"):
        FileStore(tmp_path / "store").put(Uri("way/out"), b"x")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_opening_cleans_what_a_killed_writer_left_and_nothing_of_a_living_one(tmp_path: Path, kind: str) -> None:
    """A living writer's temporary is locked; a dead one's is not."""
    temps = tmp_path / ".temps"

    with running(LEAVES_A_TEMP, str(temps), kind) as process:
        FileStore(tmp_path)
        living = list(temps.iterdir())
        process.send_signal(signal.SIGKILL)
        process.wait()
    FileStore(tmp_path)

    assert len(living) == 1
    assert list(temps.iterdir()) == []


def test_a_writer_killed_at_any_moment_leaves_only_whole_things_visible(tmp_path: Path) -> None:
    """Twelve kills at odd moments; afterwards each visible folder and document is whole."""
    made = whole_folder(tmp_path / "made")
    root = tmp_path / "store"

    for kill in range(12):
        with running(PUTS_FOR_EVER, str(root), str(made)):
            time.sleep(0.003 * kill)
    store = FileStore(root)

    folders = list((root / "models").iterdir())
    documents = store.uris("docs")
    assert folders
    assert all((folder / "part").stat().st_size == 500_000 for folder in folders)
    assert all(store.get(uri) == b"D" * 300_000 for uri in documents)
    assert list((root / ".temps").iterdir()) == []


def test_a_store_is_readable_where_nothing_may_be_written(tmp_path: Path) -> None:
    """Opening makes no folder: a model mount is read-only."""
    store = FileStore(tmp_path / "absent")

    assert store.uris("") == []
    assert not (tmp_path / "absent").exists()
