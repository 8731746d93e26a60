"""A Store in a folder of the local disk."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from headgate.adapters.durable import clean, copy_synced, sync, temporary, write_synced
from headgate.errors import PermanentError, TransientError, speaking
from headgate.names import DIGEST_PATTERN, Uri, short
from headgate.records.codec import digest_of

MANIFEST = "manifest.json"
"""A folder is kept once this file is in it; where the URI ends in a digest, it is this file's."""
TEMPS = ".temps"
LONGEST_SEGMENT = 255
"""Bytes of one file name on the usual file systems."""
FORBIDDEN = set('\\:*?"<>|')
"""Not portable between the stores a folder may be copied to."""


class FileStore:
    """Keeps immutable documents and folders under `root`; what is visible is whole and on the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temps = root / TEMPS
        clean(self.temps)

    def put(self, uri: Uri, content: bytes) -> None:
        """Keep `content`; the same content twice is fine, other content under a kept URI is an error."""
        target = self.path(uri)
        with speaking(f"keep {uri!r}"):
            if not target.exists():
                self.publish(target, content)
            if not target.is_file() or target.read_bytes() != content:
                raise PermanentError(
                    f"{uri!r} is kept already, with other content",
                    next_step="what is kept never changes: use a new URI",
                )

    def publish(self, target: Path, content: bytes) -> None:
        with temporary(self.temps, folder=False) as (temp, descriptor):
            write_synced(descriptor, content)
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.link(temp, target)
            sync(target.parent)

    def get(self, uri: Uri) -> bytes:
        """Return what was kept; PermanentError when nothing was."""
        with speaking(f"read {uri!r}"):
            try:
                return self.path(uri).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as err:
                raise PermanentError(f"no document {uri!r} in store {str(self.root)!r}") from err

    def put_folder(self, uri: Uri, folder: Path) -> None:
        """Keep every file of `folder`, visible all at once; an existing folder is left as it is."""
        if not (folder / MANIFEST).is_file():
            raise PermanentError(
                f"folder {str(folder)!r} has no {MANIFEST}", next_step=f"write {MANIFEST} last, then keep the folder"
            )
        target = self.path(uri)
        with speaking(f"keep {uri!r}"):
            if not target.exists():
                self.publish_folder(target, folder)
        if not (target / MANIFEST).is_file():
            raise PermanentError(f"{uri!r} is there already, without {MANIFEST}", next_step=f"delete {str(target)!r}")

    def publish_folder(self, target: Path, folder: Path) -> None:
        with temporary(self.temps, folder=True) as (temp, _):
            copy_synced(folder, temp)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                temp.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
            sync(target.parent)

    def folder(self, uri: Uri) -> Path:
        """Return the kept folder, its manifest checked; TransientError while it is not (yet) there."""
        target = self.path(uri)
        try:
            manifest = (target / MANIFEST).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as err:
            raise TransientError(
                f"{uri!r} is not in store {str(self.root)!r}: no {MANIFEST} yet",
                next_step="run again when it is written",
            ) from err
        expected = target.name
        if re.fullmatch(DIGEST_PATTERN, expected) and digest_of(manifest) != expected:
            raise PermanentError(
                f"{uri!r} is corrupt: its {MANIFEST} has sha256 {short(digest_of(manifest))}…",
                found=f"expected {short(expected)}…",
                next_step=f"delete {str(target)!r} and make it again",
            )
        return target

    def has(self, uri: Uri) -> bool:
        """Say whether `uri` is kept."""
        target = self.path(uri)
        return target.is_file() or (target / MANIFEST).is_file()

    def uris(self, prefix: str) -> list[Uri]:
        """Return the URIs of documents under `prefix`, sorted; files of kept folders are not documents."""
        start = self.path(Uri(prefix.rstrip("/"))) if prefix.strip("/") else self.root
        if start.is_file():
            return [Uri(prefix)]
        return sorted(Uri(path.relative_to(self.root).as_posix()) for path in documents(start))

    def path(self, uri: Uri) -> Path:
        """Return where `uri` lives; refuse every URI that could lead out of the store."""
        segments = uri.split("/")
        if not all(is_plain(segment) for segment in segments):
            raise PermanentError(
                f"{uri[:80]!r} is not a URI of a store",
                next_step="use relative paths like `models/flights/<sha256>`, no segment starting with '.'",
            )
        path = self.root.joinpath(*segments)
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise PermanentError(f"{uri[:80]!r} leads out of store {str(self.root)!r}")
        return path


def is_plain(segment: str) -> bool:
    size_bytes = len(segment.encode("utf-8", "replace"))
    return (
        0 < size_bytes <= LONGEST_SEGMENT
        and not segment.startswith(".")
        and segment.isprintable()
        and not FORBIDDEN & set(segment)
    )


def documents(folder: Path) -> Iterator[Path]:
    """Yield the files under a folder that are not inside a kept folder."""
    if not folder.is_dir() or (folder / MANIFEST).is_file():
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith("."):
            yield from documents(path)
        elif path.is_file():
            yield path
