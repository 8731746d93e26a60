"""A model's folder: the model, signature.json, documents, and a manifest whose sha256 is the model's identity."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from headgate.errors import PermanentError, speaking
from headgate.models.packed import FILES, Format, Packed, onnx_packed
from headgate.models.pickles import refuse_pickles
from headgate.models.signature import Signature
from headgate.names import Digest, DigestField, short
from headgate.records.codec import Record, decode, digest_of, encode

SIGNATURE, MANIFEST = "signature.json", "manifest.json"
PLAIN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


class Manifest(Record, frozen=True, kw_only=True, tag="package/1", omit_defaults=True):
    """Every file of the folder but itself, with its sha256, and how the model in it is opened."""

    files: dict[str, DigestField]
    format: Format = "onnx"
    model: tuple[str, ...] = ()
    """Which of the files are the model, where it is not the one that its format begins with."""

    @property
    def parts(self) -> tuple[str, ...]:
        return self.model or (FILES[self.format],)


def write(folder: Path, model: bytes | Packed, signature: Signature, documents: Mapping[str, str]) -> Digest:
    """Write the package, its manifest last, and return its sha256; the same contents give the same one.

    `model`'s bytes are ONNX. `documents` are further files by name, for instance the drift reference. A folder that
    holds this very package is left as it is; one without a manifest is none.
    """
    made = onnx_packed(model) if isinstance(model, bytes) else model
    refuse_pickles(made.files)
    files = contents(made, signature, documents)
    digests = {name: digest_of(content) for name, content in files.items()}
    parts = tuple(sorted(made.files)) if set(made.files) != {FILES[made.format]} else ()
    manifest = encode(Manifest(files=digests, format=made.format, model=parts))
    sha256 = digest_of(manifest)
    if (folder / MANIFEST).exists():
        verify(folder, sha256)
        return sha256
    with speaking(f"write model package {str(folder)!r}"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in {**files, MANIFEST: manifest}.items():
            (folder / name).write_bytes(content)
    return sha256


def contents(model: Packed, signature: Signature, documents: Mapping[str, str]) -> dict[str, bytes]:
    taken = {*model.files, SIGNATURE, MANIFEST}
    refuse_names(model.files, {SIGNATURE, MANIFEST}, "a model's file")
    refuse_names(documents, taken, "a document")
    texts = {name: text.encode() for name, text in documents.items()}
    return {**model.files, SIGNATURE: encode(signature), **texts}


def refuse_names(names: Iterable[str], taken: AbstractSet[str], what: str) -> None:
    for name in names:
        if not re.fullmatch(PLAIN, name) or name in taken:
            raise PermanentError(
                f"{name[:100]!r} is no name for {what} of a package",
                next_step=f"use letters, digits, '.', '_' and '-'; not {', '.join(sorted(taken))}",
            )


def verify(folder: Path, sha256: str) -> Manifest:
    """Return the manifest once it and every file it names have the digests they must have, before any is parsed."""
    manifest = read(folder, MANIFEST)
    if digest_of(manifest) != sha256:
        raise corrupt(folder, MANIFEST, expected=sha256, found=digest_of(manifest))
    named = decode(manifest, Manifest, str(folder / MANIFEST))
    for name, expected in named.files.items():
        if (found := digest_in(folder, name)) != expected:
            raise corrupt(folder, name, expected=expected, found=found)
    return named


def digest_in(folder: Path, name: str) -> Digest:
    """Return the digest of a file of the package, which may be larger than what this process may have in memory."""
    with reading(folder, name), (folder / name).open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def read(folder: Path, name: str) -> bytes:
    """Return a file of the package; say which model lacks it."""
    with reading(folder, name):
        return (folder / name).read_bytes()


@contextmanager
def reading(folder: Path, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise PermanentError(
            f"model package {str(folder)!r} has no readable {name}: {err.strerror}",
            next_step="fetch the model again, or train it again",
        ) from err


def packed(folder: Path, manifest: Manifest) -> Packed:
    """Return the model's files of a verified package; the very bytes that will be parsed are the verified ones."""
    if missing := set(manifest.parts) - set(manifest.files):
        raise PermanentError(
            f"the manifest of {str(folder)!r} names no digest of its model's {min(missing)}",
            next_step="write the package again",
        )
    files = {name: read(folder, name) for name in manifest.parts}
    for name, content in files.items():
        if (found := digest_of(content)) != manifest.files[name]:
            raise corrupt(folder, name, expected=manifest.files[name], found=found)
    return Packed(manifest.format, files)


def read_signature(folder: Path) -> Signature:
    """Return the signature of a verified package."""
    return decode(read(folder, SIGNATURE), Signature, str(folder / SIGNATURE))


def corrupt(folder: Path, name: str, *, expected: str, found: str) -> PermanentError:
    return PermanentError(
        f"model package {str(folder)!r} is not what Git says: {name} has another sha256",
        found=f"{short(found)}…, expected {short(expected)}…",
        next_step="fetch the model again; if that does not help, somebody changed the store",
    )
