"""What is written stays written: on the disk with its name, before anybody goes on."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from headgate.adapters.durable import replace_file
from headgate.adapters.files import FileStore
from headgate.adapters.forges.gitdir import GitDir
from headgate.desired import initial
from headgate.errors import PermanentError, speaking
from headgate.names import Uri
from headgate.records.change import Edit
from limits import largest_file

Steps = list[tuple[str, str]]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What is made visible and what is awaited from now on, in order: (rename | link | sync, the place)."""
    seen: Steps = []
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            seen.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))

    def noted(what: str, place: Callable[..., None]) -> Callable[..., None]:
        def wrapped(source: object, target: object, **more: object) -> None:
            place(source, target, **more)
            seen.append((what, str(Path(str(target)).parent)))

        return wrapped

    monkeypatch.setattr(os, "fsync", synced)
    for name in ("rename", "replace", "link"):
        monkeypatch.setattr(os, name, noted("name", getattr(os, name)))
    return seen


def put(root: Path) -> None:
    FileStore(root).put(Uri("a.json"), b"{}")


def put_folder(root: Path) -> None:
    made = root.parent / "made"
    made.mkdir()
    (made / "manifest.json").write_bytes(b"{}")
    FileStore(root).put_folder(Uri("a"), made)


WRITERS: dict[str, Callable[[Path], object]] = {
    "replace_file": lambda root: replace_file(root / "record.json", b"{}"),
    "store, a document": put,
    "store, a folder": put_folder,
    "forge": lambda root: GitDir.create(root / "env.git", initial(["prod"], "flights")),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_new_name_is_on_the_disk_before_its_writer_goes_on(writer: str, tmp_path: Path, steps: Steps) -> None:
    """A rename that only the cache knows is undone by a power cut: the folder is synced after it."""
    root = tmp_path / "root"
    root.mkdir()

    WRITERS[writer](root)

    named = max(place for place, step in enumerate(steps) if step == ("name", str(root)))
    assert ("sync", str(root)) in steps[named:]


def test_a_write_without_room_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Whole or as before, and nothing else in the folder."""
    (tmp_path / "record.json").write_bytes(b"before")

    with largest_file(100), pytest.raises(PermanentError, match="disk full"), speaking("write"):
        replace_file(tmp_path / "record.json", b"x" * 1000)

    assert b"before" == (tmp_path / "record.json").read_bytes()
    assert ["record.json"] == [path.name for path in tmp_path.iterdir()]


def test_a_forge_without_room_is_as_permanent_as_a_file(tmp_path: Path) -> None:
    """A retry would find the disk as full; with room the same call goes through."""
    forge = GitDir.create(tmp_path / "env.git", initial(["prod"], "flights"))
    edit, head = Edit(path="env/prod/flights/serving.yaml", text=f"# {os.urandom(3000).hex()}\n"), forge.head()

    with largest_file(1000), pytest.raises(PermanentError, match="disk full"):
        forge.commit([edit], "By hand\n", head)

    assert head == forge.head()
    assert forge.commit([edit], "By hand\n", head) == forge.head()
