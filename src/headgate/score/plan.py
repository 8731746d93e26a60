"""What is scored, by which model and code, and who scores which part of it."""

import os
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from headgate.errors import PermanentError, speaking
from headgate.names import Digest
from headgate.records.codec import digest_of
from headgate.records.scoring import InputFile, Plan

END_BYTES = 64 << 10
"""A Parquet file ends with its footer, which tells of all its columns."""


class Share(NamedTuple):
    """Which of a file's parts one process scores: the `number`th of so many, counted from 1."""

    number: int
    among: int


WHOLE = Share(1, 1)


def plan_of(source: Path, rows: int, model: Digest, code: str, part_rows: int) -> Plan:
    """Return the plan for a file, or a folder of files, as it is now."""
    return Plan(
        files=tuple(seen(path) for path in files_of(source)), rows=rows, model=model, code=code, part_rows=part_rows
    )


def files_of(source: Path) -> list[Path]:
    """Return the files that are read: the one, or those of a folder by name."""
    return sorted(source.glob("*.parquet")) if source.is_dir() else [source]


def seen(path: Path) -> InputFile:
    """Return what tells a file from another one, without reading all of it."""
    with speaking(f"read {str(path)!r}"), path.open("rb") as file:
        facts = os.fstat(file.fileno())
        file.seek(max(0, facts.st_size - END_BYTES))
        end = digest_of(file.read())
    return InputFile(name=path.name, size_bytes=facts.st_size, modified=facts.st_mtime_ns, end=end)


def looked_again(source: Path, plan: Plan) -> Plan:
    """Return a plan with its input's files as they are now."""
    return replace(plan, files=tuple(seen(path) for path in files_of(source)))


def refuse_same(source: Path, target: Path) -> None:
    """Refuse to write over what is read, or among it."""
    if target.resolve() == source.resolve() or (target.exists() and target.samefile(source)):
        raise PermanentError(f"{str(target)!r} is the file that is read", next_step="name another file for the scores")
    if source.is_dir() and target.resolve().parent == source.resolve():
        raise PermanentError(
            f"{str(target)!r} is in the folder that is read", next_step="name a file elsewhere for the scores"
        )


def refuse_changed(source: Path, planned: Plan, found: Plan) -> None:
    """Refuse to go on with another input, model or code than the plan's."""
    if planned == found:
        return
    changed = [name for name in Plan.__struct_fields__ if getattr(planned, name) != getattr(found, name)]
    if set(changed) & {"files", "rows"}:
        raise PermanentError(
            f"{str(source)!r} is not what it was when its scoring was planned",
            found=", ".join(sorted({file.name for file in {*planned.files} ^ {*found.files}})[:8]) or None,
            next_step="begin anew, with the input left alone until the scores are there",
        )
    raise PermanentError(
        f"the plan is of another {' and '.join(changed)}",
        found=f"{getattr(found, changed[0])}; planned {getattr(planned, changed[0])}",
        next_step="plan anew, or score with what was planned",
    )
