"""The shares of an input become one file of scores: all of them, of one plan, once; the manifest is written last."""

import hashlib
from collections import Counter
from pathlib import Path

import msgspec

from headgate.adapters.durable import replace_file
from headgate.errors import PermanentError, speaking
from headgate.names import Digest, short
from headgate.records.codec import decode, encode
from headgate.records.scoring import Partitions, Plan, Scores, WrittenFile
from headgate.score.parts import PLAN, Part, Parts, manifest_beside, rejects_beside
from headgate.score.plan import Share, looked_again, refuse_changed

NAMED = 8


def gather(partitions: Partitions) -> Scores:
    """Make the scored shares one file, as a single process would have, and say so in a manifest beside it.

    Nothing appears while a share is missing, is another plan's, or the input has changed. Done before: nothing is done.
    """
    target = Path(partitions.target)
    parts = Parts(target, partitions.plan)
    if (before := published(parts)) is not None:
        tidy(parts)
        return before
    source = Path(partitions.source)
    refuse_changed(source, parts.plan, looked_again(source, parts.plan))
    refuse_other(parts)
    with parts.alone():
        found = every(parts, partitions.shares)
        parts.make()
        made = manifest(parts, found, len(partitions.shares))
        with speaking(f"write {str(manifest_beside(target))!r}"):
            replace_file(manifest_beside(target), encode(made))
        parts.end()
    return made


def tidy(parts: Parts) -> None:
    """Remove what a gathering that was killed at its very end has left of this plan's parts."""
    if parts.folder.is_dir():
        with parts.alone():
            if parts.planned() is None or parts.is_planned():
                parts.end()


def published(parts: Parts) -> Scores | None:
    """Return the manifest of this plan if it and all it names are there."""
    path = manifest_beside(parts.target)
    try:
        kept = decode(path.read_bytes(), Scores, str(path))
    except (OSError, PermanentError):
        return None
    named = [file for file in (kept.scores, kept.rejects) if file is not None]
    there = all((path := parts.target.with_name(file.name)).is_file() and written(path) == file for file in named)
    return kept if kept.plan == parts.plan and there else None


def refuse_other(parts: Parts) -> None:
    """Refuse a folder in which nobody scored, or somebody scored by another plan."""
    content = parts.planned()
    if content is None:
        raise PermanentError(
            f"no share of {str(parts.target)!r} is scored", next_step="headgate score --from PARTITIONS --share 1/N"
        )
    if not parts.is_planned():
        try:
            other = msgspec.json.decode(content, type=Plan)
        except msgspec.DecodeError as err:
            raise PermanentError(f"{PLAN} in {str(parts.folder)!r} is no plan: {err}") from err
        fields = Plan.__struct_fields__
        changed = [name for name in fields if getattr(parts.plan, name) != getattr(other, name)]
        raise PermanentError(
            f"the shares beside {str(parts.target)!r} are of another plan: its {' and '.join(changed)} "
            f"{'are' if len(changed) > 1 else 'is'} not this one's",
            found=f"model {short(other.model)}, {other.rows:,} rows; expected model {short(parts.plan.model)}, "
            f"{parts.plan.rows:,} rows",
            next_step="gather with the partitions they were scored from, or score these anew",
        )


def every(parts: Parts, shares: tuple[str, ...]) -> list[Part]:
    """Return every part of the plan, its files checked; refuse while one is not there."""
    found = [parts.done(number) for number in range(parts.count)]
    missing = [text for text in shares if any(found[number] is None for number in parts.numbers(share_of(text)))]
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise PermanentError(
            f"{len(missing)} of {len(shares)} shares of {str(parts.target)!r} are not there, or not whole",
            found=", ".join(missing[:NAMED]) + more,
            next_step=f"headgate score --from PARTITIONS --share {missing[0]}",
        )
    whole = [part for part in found if part is not None]
    for number, part in enumerate(whole):
        if part.scored + sum(part.rejected.values()) != parts.height(number):
            raise PermanentError(
                f"part {number} of {str(parts.target)!r} accounts for {part.scored + sum(part.rejected.values()):,} "
                f"rows, expected {parts.height(number):,}",
                next_step=f"remove {str(parts.manifest(number))!r}, score its share again",
            )
    return whole


def share_of(text: str) -> Share:
    number, _, among = text.partition("/")
    return Share(int(number), int(among))


def manifest(parts: Parts, found: list[Part], shares: int) -> Scores:
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
