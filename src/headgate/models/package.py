"""A model's folder: model.onnx, signature.json, documents, and a manifest whose sha256 is the model's identity."""

import re
from collections.abc import Mapping
from pathlib import Path

from headgate.errors import PermanentError, speaking
from headgate.models.signature import Signature
from headgate.names import Digest, DigestField, short
from headgate.records.codec import Record, decode, digest_of, encode

MODEL, SIGNATURE, MANIFEST = "model.onnx", "signature.json", "manifest.json"
PLAIN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


class Manifest(Record, frozen=True, kw_only=True, tag="package/1"):
    """Every file of the folder but itself, with its sha256."""

    files: dict[str, DigestField]


def write(folder: Path, onnx: bytes, signature: Signature, documents: Mapping[str, str]) -> Digest:
    """Write the package, its manifest last, and return its sha256; the same contents give the same one.

    `documents` are further files by name, for instance the drift reference. A folder that holds this very package
    is left as it is; one without a manifest is none.
    """
    files = contents(onnx, signature, documents)
    manifest = encode(Manifest(files={name: digest_of(content) for name, content in files.items()}))
    sha256 = digest_of(manifest)
    if (folder / MANIFEST).exists():
        verify(folder, sha256)
        return sha256
    with speaking(f"write model package {str(folder)!r}"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in {**files, MANIFEST: manifest}.items():
            (folder / name).write_bytes(content)
    return sha256


def contents(onnx: bytes, signature: Signature, documents: Mapping[str, str]) -> dict[str, bytes]:
    for name in documents:
        if not re.fullmatch(PLAIN, name) or name in {MODEL, SIGNATURE, MANIFEST}:
            raise PermanentError(
                f"{name[:100]!r} is no name for a document of a package",
                next_step=f"use letters, digits, '.', '_' and '-'; not {MODEL}, {SIGNATURE} or {MANIFEST}",
            )
    texts = {name: text.encode() for name, text in documents.items()}
    return {MODEL: onnx, SIGNATURE: encode(signature), **texts}


def verify(folder: Path, sha256: str) -> Manifest:
    """Return the manifest once it and every file it names have the digests they must have, before any is parsed."""
    manifest = read(folder, MANIFEST)
    if digest_of(manifest) != sha256:
        raise corrupt(folder, MANIFEST, expected=sha256, found=digest_of(manifest))
    named = decode(manifest, Manifest, str(folder / MANIFEST))
    for name, expected in named.files.items():
        if (found := digest_of(read(folder, name))) != expected:
            raise corrupt(folder, name, expected=expected, found=found)
    return named


def read(folder: Path, name: str) -> bytes:
    """Return a file of the package; say which model lacks it."""
    try:
        return (folder / name).read_bytes()
    except OSError as err:
        raise PermanentError(
            f"model package {str(folder)!r} has no readable {name}: {err.strerror}",
            next_step="fetch the model again, or train it again",
        ) from err


def read_signature(folder: Path) -> Signature:
    """Return the signature of a verified package."""
    return decode(read(folder, SIGNATURE), Signature, str(folder / SIGNATURE))


def corrupt(folder: Path, name: str, *, expected: str, found: str) -> PermanentError:
    return PermanentError(
        f"model package {str(folder)!r} is not what Git says: {name} has another sha256",
        found=f"{short(found)}…, expected {short(expected)}…",
        next_step="fetch the model again; if that does not help, somebody changed the store",
    )
