"""A Store in an S3 bucket: a document is put once, a folder is there when its manifest is, written last."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from headgate.adapters.bucket import Bucket
from headgate.adapters.durable import clean, remove, sync, temporary
from headgate.adapters.files import MANIFEST, TEMPS, is_plain
from headgate.errors import PermanentError, TransientError, UsageError, speaking
from headgate.names import DIGEST_PATTERN, Digest, DigestField, Uri, short
from headgate.records.codec import Record, decode, encode

FOLDERS = ".folders/"
"""Where the index of each folder is; no URI has a segment that begins with a dot."""


class FolderIndex(Record, frozen=True, kw_only=True, tag="folder-index/1"):
    """The files of a folder in a bucket, by path, with their sha256: what a reader checks."""

    files: dict[str, DigestField]


class Place(NamedTuple):
    """What `s3://bucket/prefix` names."""

    bucket: str
    prefix: str


def open_store(url: str, cache: Path) -> "S3Store":
    """Return the store at `s3://bucket[/prefix]`; `cache` is where its folders are downloaded to."""
    place = place_of(url)
    return S3Store(Bucket(place.bucket), place.prefix, cache / place.bucket / place.prefix)


def place_of(url: str) -> Place:
    """Return the bucket and the prefix a URL names.

    >>> place_of("s3://models/team/")
    Place(bucket='models', prefix='team')
    """
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.rstrip("/").partition("/")
    segments = [bucket, *prefix.split("/")] if prefix else [bucket]
    if scheme != "s3" or not all(is_plain(segment) for segment in segments):
        raise UsageError(f"{url[:200]!r} is no store", next_step="HEADGATE_STORE is like `s3://bucket/prefix`")
    return Place(bucket, prefix)


class S3Store:
    """Keeps immutable documents and folders in a bucket, under a prefix; folders are read from a local copy."""

    def __init__(self, bucket: Bucket, prefix: str, cache: Path) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self.cache = cache
        self.temps = cache / TEMPS
        clean(self.temps)

    def __str__(self) -> str:
        return f"s3://{self.bucket.name}/{self.prefix}".rstrip("/")

    def put(self, uri: Uri, content: bytes) -> None:
        """Keep `content`; the same content twice is fine, other content under a kept URI is an error.

        Of writers at the same moment one wins where the server knows `If-None-Match`; else the last one may.
        """
        key = self.key(uri)
        if self.bucket.get(key) is None:
            self.bucket.put(key, content)
        kept = self.bucket.get(key)
        if kept is None:
            raise TransientError(f"another writer is at {uri!r} in {str(self)!r}", next_step="try again")
        if kept != content:
            raise PermanentError(
                f"{uri!r} is kept already, with other content",
                next_step="what is kept never changes: use a new URI",
            )

    def get(self, uri: Uri) -> bytes:
        """Return what was kept; PermanentError when nothing was."""
        found = self.bucket.get(self.key(uri))
        if found is None:
            raise PermanentError(f"no document {uri!r} in store {str(self)!r}")
        return found

    def put_folder(self, uri: Uri, folder: Path) -> None:
        """Keep every file of `folder`, its manifest last; an existing folder is left as it is."""
        if not (folder / MANIFEST).is_file():
            raise PermanentError(
                f"folder {str(folder)!r} has no {MANIFEST}", next_step=f"write {MANIFEST} last, then keep the folder"
            )
        key = self.key(uri)
        if self.is_folder(uri):
            return
        with speaking(f"keep {uri!r}"):
            index = FolderIndex(files={path: digest_of_file(folder / path) for path in files(folder)})
        self.bucket.replace(self.index_key(uri), encode(index))
        for path in sorted(index.files, key=lambda path: (path == MANIFEST, path)):
            self.bucket.upload(f"{key}/{path}", folder / path)

    def folder(self, uri: Uri) -> Path:
        """Return a local copy of a kept folder, every file's sha256 checked; TransientError while it is not there."""
        target = self.cache.joinpath(*self.checked(uri))
        if (target / MANIFEST).is_file():
            return target
        index = self.index(uri)
        if index is None or not self.bucket.has(f"{self.key(uri)}/{MANIFEST}"):
            raise TransientError(
                f"{uri!r} is not in store {str(self)!r}: no {MANIFEST} yet",
                next_step="run again when it is written",
            )
        expected = uri.rpartition("/")[2]
        if re.fullmatch(DIGEST_PATTERN, expected) and index.files[MANIFEST] != expected:
            raise self.corrupt(uri, MANIFEST, index.files[MANIFEST], Digest(expected))
        with speaking(f"copy {uri!r} to {str(self.cache)!r}"):
            self.copy(uri, index, target)
        return target

    def has(self, uri: Uri) -> bool:
        """Say whether `uri` is kept."""
        return self.bucket.has(self.key(uri)) or self.is_folder(uri)

    def uris(self, prefix: str) -> list[Uri]:
        """Return the URIs of documents under `prefix`, sorted; files of kept folders are not documents."""
        under = self.key(Uri(prefix.rstrip("/"))) if prefix.strip("/") else ""
        if under and self.bucket.has(under):
            return [Uri(prefix)]
        start = f"{under}/" if under else self.prefix
        keys = [key.removeprefix(self.prefix) for key in self.bucket.keys(start)]
        indexes = f"{self.prefix}{FOLDERS}"
        folders = {
            key.removeprefix(indexes).removesuffix(".json")
            for key in self.bucket.keys(indexes + start.removeprefix(self.prefix))
        }
        return sorted(Uri(key) for key in keys if not key.startswith(FOLDERS) and not folders & set(above(key)))

    def copy(self, uri: Uri, index: FolderIndex, target: Path) -> None:
        with temporary(self.temps, folder=True) as (temp, _):
            for path, expected in index.files.items():
                self.fetch(uri, path, expected, temp)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                temp.rename(target)
            except OSError:  # another process was first; a folder without manifest is a person's
                if not (target / MANIFEST).is_file():
                    raise
            sync(target.parent)

    def fetch(self, uri: Uri, path: str, expected: Digest, into: Path) -> None:
        """Copy one file; what came otherwise is fetched once more, as the way may have garbled it."""
        if not all(is_plain(segment) for segment in path.split("/")):
            raise PermanentError(f"the index of {uri!r} names {path[:80]!r}, which is no file of a folder")
        file = into / path
        file.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            with file.open("wb") as writing:
                found = self.bucket.download(f"{self.key(uri)}/{path}", writing)
                writing.flush()
                os.fsync(writing.fileno())
            if found == expected:
                return
        remove(file)
        raise self.corrupt(uri, path, found, expected)

    def is_folder(self, uri: Uri) -> bool:
        return self.bucket.has(f"{self.key(uri)}/{MANIFEST}") and self.bucket.has(self.index_key(uri))

    def index(self, uri: Uri) -> FolderIndex | None:
        content = self.bucket.get(self.index_key(uri))
        return None if content is None else decode(content, FolderIndex, f"index of {uri!r}")

    def corrupt(self, uri: Uri, path: str, found: Digest, expected: Digest) -> PermanentError:
        return PermanentError(
            f"{uri!r} is corrupt: its {path} has sha256 {short(found)}…",
            found=f"expected {short(expected)}…",
            next_step=f"delete it from {str(self)!r} and make it again",
        )

    def key(self, uri: Uri) -> str:
        return self.prefix + "/".join(self.checked(uri))

    def index_key(self, uri: Uri) -> str:
        return f"{self.prefix}{FOLDERS}{uri}.json"

    def checked(self, uri: Uri) -> list[str]:
        """Return a URI's segments; refuse every URI that could lead out of the store."""
        segments = uri.split("/")
        if not all(is_plain(segment) for segment in segments):
            raise PermanentError(
                f"{uri[:80]!r} is not a URI of a store",
                next_step="use relative paths like `models/flights/<sha256>`, no segment starting with '.'",
            )
        return segments


def files(folder: Path) -> Iterator[str]:
    """Yield the paths of a folder's files, relative to it."""
    yield from (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())


def digest_of_file(path: Path) -> Digest:
    """Return a file's sha256, read in blocks."""
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def above(key: str) -> Iterator[str]:
    """Yield the folders a key is in, and the key itself.

    >>> list(above("a/b/c"))
    ['a', 'a/b', 'a/b/c']
    """
    segments = key.split("/")
    yield from ("/".join(segments[: depth + 1]) for depth in range(len(segments)))
