"""The shares of an input become one file of scores: all of them, of one plan, once; the manifest is written last."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from headgate.errors import PermanentError, TransientError
from headgate.names import short
from headgate.records.scoring import Partitions, Plan, Scores
from headgate.score.manifest import finish, finished
from headgate.score.parts import PLAN, Part, Parts
from headgate.score.plan import Share, looked_again, refuse_changed

NAMED = 8


def gather(partitions: Partitions) -> Scores:
    """Make the scored shares one file, as a single process would have, and say so in a manifest beside it.

    Nothing appears while a share is missing, is another plan's, or the input has changed. Done before: nothing is done.
    """
    parts = Parts(Path(partitions.target), partitions.plan)
    if (before := finished(parts)) is not None:
        return before
    source = Path(partitions.source)
    refuse_changed(source, parts.plan, looked_again(source, parts.plan))
    if (planned := parts.planned()) is None:  # nobody has scored; or another gathering was quicker
        if (before := finished(parts)) is not None:
            return before
        raise missing(parts, partitions.shares, partitions.shares)
    refuse_other(parts, planned)
    with parts.alone():
        return finish(parts, every(parts, partitions.shares), len(partitions.shares))


def refuse_other(parts: Parts, content: bytes) -> None:
    """Refuse a folder in which somebody scored by another plan."""
    if content != msgspec.json.encode(parts.plan):
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
    gone = [text for text in shares if any(found[number] is None for number in parts.numbers(share_of(text)))]
    if gone:
        raise missing(parts, gone, shares)
    whole = [part for part in found if part is not None]
    for number, part in enumerate(whole):
        if part.scored + sum(part.rejected.values()) != parts.height(number):
            raise PermanentError(
                f"part {number} of {str(parts.target)!r} accounts for {part.scored + sum(part.rejected.values()):,} "
                f"rows, expected {parts.height(number):,}",
                next_step=f"remove {str(parts.manifest(number))!r}, score its share again",
            )
    return whole


def missing(parts: Parts, gone: Sequence[str], shares: Sequence[str]) -> TransientError:
    """Return the error of shares that nobody scored, or whose files a volume of many machines does not show yet."""
    more = f" and {len(gone) - NAMED} more" if len(gone) > NAMED else ""
    return TransientError(
        f"{len(gone)} of {len(shares)} shares of {str(parts.target)!r} are not there, or not whole",
        found=", ".join(gone[:NAMED]) + more,
        next_step=f"headgate score --from PARTITIONS --share {gone[0]}",
    )


def share_of(text: str) -> Share:
    number, _, among = text.partition("/")
    return Share(int(number), int(among))
