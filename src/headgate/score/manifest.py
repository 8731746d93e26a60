"""What says that a file of scores is whole: its manifest, written last, which a second run finds."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from headgate.adapters.durable import replace_file
from headgate.errors import PermanentError, speaking
from headgate.names import Digest
from headgate.records.codec import decode, encode
from headgate.records.scoring import Scores, WrittenFile
from headgate.score.parts import Part, Parts, manifest_beside, rejects_beside


def finished(parts: Parts) -> Scores | None:
    """Return the manifest of this plan if it and all it names are there; what a kill at the very end left goes."""
    before = published(parts)
    if before is not None and parts.folder.is_dir():
        with parts.alone():
            if parts.planned() is None or parts.is_planned():
                parts.end()
    return before


def published(parts: Parts) -> Scores | None:
    """Return the manifest of this plan if it and all it names are there."""
    path = manifest_beside(parts.target)
    try:
        kept = decode(path.read_bytes(), Scores, str(path))
    except (OSError, PermanentError):
        return None
    if kept.plan != parts.plan:
        return None
    named = [file for file in (kept.scores, kept.rejects) if file is not None]
    there = all((path := parts.target.with_name(file.name)).is_file() and written(path) == file for file in named)
    return kept if there else None


def finish(parts: Parts, found: Sequence[Part], shares: int) -> Scores:
    """Make the parts one file, then its manifest, and forget them; their folder is held by the caller."""
    parts.make()
    made = manifest(parts, found, shares)
    path = manifest_beside(parts.target)
    with speaking(f"write {str(path)!r}"):
        replace_file(path, encode(made))
    parts.end()
    return made


def manifest(parts: Parts, found: Sequence[Part], shares: int) -> Scores:
    rejected: Counter[str] = Counter()
    noticed: Counter[str] = Counter()
    for part in found:
        rejected.update(part.rejected)
        noticed.update(part.noticed)
    return Scores(
        plan=parts.plan,
        shares=shares,
        scored=sum(part.scored for part in found),
        rejected=dict(rejected),
        noticed=dict(noticed),
        scores=written(parts.target),
        rejects=written(rejects_beside(parts.target)) if rejected else None,
    )


def written(path: Path) -> WrittenFile:
    """Return what a file is."""
    with speaking(f"read {str(path)!r}"), path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return WrittenFile(name=path.name, size_bytes=file.tell(), sha256=Digest(sha256))
