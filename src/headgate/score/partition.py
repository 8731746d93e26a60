"""An input divided among processes: one plan that each of them holds to."""

from pathlib import Path

from headgate.errors import UsageError
from headgate.names import Digest
from headgate.records.scoring import Partitions
from headgate.score.batch import PART_ROWS, opened
from headgate.score.manifest import published
from headgate.score.parts import Parts
from headgate.serve.door.admission import Door

WANTED_ROWS = 8 * PART_ROWS
"""Of a partition, where nobody says: a minute or two of work, so that starting a pod for it is little beside."""
MOST = 1000
"""Partitions of one input: an engine's list of them stays small."""


def partition(
    source: Path,
    target: Path,
    door: Door,
    *,
    model: Digest,
    code: str,
    part_rows: int = PART_ROWS,
    partitions: int | None = None,
    rows_each: int | None = None,
) -> Partitions:
    """Return how an input is divided: into so many, or into as many as have the wanted rows.

    A partition is at least one part of `part_rows`, so that there may be fewer than asked for; none is empty, but for
    the one of an input without rows. One too where the scores are there already: whoever scores it finds them.
    """
    if partitions is not None and rows_each is not None:
        raise UsageError("--partitions and --rows-each each say how many", next_step="give one of them")
    if partitions is not None and partitions > MOST:
        raise UsageError(f"--partitions is {partitions:,}; expected at most {MOST:,}")
    _, _, plan = opened(source, target, door, model=model, code=code, part_rows=part_rows)
    wanted = partitions or max(1, -(-plan.rows // (rows_each or WANTED_ROWS)))
    parts = Parts(target, plan)
    count = 1 if published(parts) else min(wanted, parts.count, MOST)
    return Partitions(
        source=str(source.absolute()),
        target=str(target.absolute()),
        plan=plan,
        shares=tuple(f"{number}/{count}" for number in range(1, count + 1)),
    )
