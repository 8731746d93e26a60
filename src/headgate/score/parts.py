"""A scored file in the making: parts that are whole or not there, a plan that says what they are parts of."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import msgspec
import polars as pl

from headgate.adapters.durable import remove, replace_file, sync
from headgate.errors import TransientError, speaking
from headgate.names import Digest
from headgate.records.codec import digest, digest_of
from headgate.records.scoring import Plan
from headgate.score.plan import WHOLE, Share
from headgate.score.trouble import speaking_polars

PLAN, LOCK = "plan.json", "lock"
PATIENCE_SECONDS = 2.0
"""Two shares of one file, begun at once, settle within this who writes the plan."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scored part: written last, so that what it names is whole."""

    scored: int
    rejected: dict[str, int]
    """Input and kind → rows."""
    noticed: dict[str, int]
    """Input, kind and level → values that were scored all the same."""
    plan: Digest
    """Of the plan it is a part of."""
    scores: Digest
    rejects: Digest


class Parts:
    """The parts of one output, in a folder beside it; a new plan begins anew."""

    def __init__(self, target: Path, plan: Plan) -> None:
        self.target = target
        self.plan = plan
        self.folder = target.with_name(f".{target.name}.parts")
        self.count = max(1, -(-plan.rows // plan.part_rows))  # no rows are a part too: it has the columns
        self.digest = digest(plan)

    def numbers(self, share: Share) -> range:
        """Return a share's parts: neighbours, so that few processes read the same row group."""
        return range((share.number - 1) * self.count // share.among, share.number * self.count // share.among)

    def rows_of(self, share: Share) -> int:
        """Return how many of the input's rows are in a share's parts."""
        return sum(map(self.height, self.numbers(share)))

    def height(self, number: int) -> int:
        """Return how many rows a part is made from."""
        return min(self.plan.part_rows, self.plan.rows - number * self.plan.part_rows)

    @contextmanager
    def held(self, share: Share = WHOLE) -> Iterator[None]:
        """Hold the folder, or one share of it; TransientError while another process holds the same."""
        with speaking(f"write beside {str(self.target)!r}"):
            self.folder.mkdir(parents=True, exist_ok=True)
        with self.opened(LOCK) as everything, self.opened(f"{LOCK}-{share.number}-{share.among}") as own:
            self.lock(own, fcntl.LOCK_EX)
            self.begin(everything)
            self.lock(everything, fcntl.LOCK_EX if share == WHOLE else fcntl.LOCK_SH)
            yield

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        try:
            descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError as err:
            raise self.ended() from err
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder as it is; TransientError while another process scores into it."""
        with self.opened(LOCK) as everything:
            self.lock(everything, fcntl.LOCK_EX)
            yield

    def is_planned(self) -> bool:
        """Say whether the folder's parts are those of this plan."""
        return self.planned() == msgspec.json.encode(self.plan)

    def lock(self, descriptor: int, how: int) -> None:
        """Take a lock within a moment: the shares of one file begin together."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not locked(descriptor, how):
            if time.monotonic() > until:
                raise TransientError(
                    f"another process is scoring into {str(self.target)!r}",
                    next_step="wait for it, or name another file",
                )
            time.sleep(0.05)
        if not os.fstat(descriptor).st_nlink:
            raise self.ended()

    def ended(self) -> TransientError:
        """Return the error of a folder that whoever scored into it has taken away meanwhile."""
        return TransientError(
            f"another process has just made {str(self.target)!r}",
            next_step="look at it; run this again if it is not yours",
        )

    def begin(self, everything: int) -> None:
        """Keep what this plan's earlier run finished, and nothing else; who begins anew is alone meanwhile."""
        content = msgspec.json.encode(self.plan)
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            self.lock(everything, fcntl.LOCK_SH)
            if self.planned() == content:
                return
            if locked(everything, fcntl.LOCK_EX):  # where it fails the shared one is gone too, and another may begin
                break
            time.sleep(0.05)
        self.lock(everything, fcntl.LOCK_EX)
        if self.planned() != content:
            self.empty()
            replace_file(self.folder / PLAN, content)

    def empty(self) -> None:
        for path in self.folder.iterdir():
            if not path.name.startswith(LOCK):
                remove(path)

    def planned(self) -> bytes | None:
        try:
            return (self.folder / PLAN).read_bytes()
        except FileNotFoundError:
            return None

    def done(self, number: int) -> Part | None:
        """Return a finished part, its files checked; None where there is none."""
        try:
            part = msgspec.json.decode(self.manifest(number).read_bytes(), type=Part)
            found = digest_of(self.scores(number).read_bytes()), digest_of(self.rejects(number).read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        return part if (part.plan, *found) == (self.digest, part.scores, part.rejects) else None

    def keep(self, number: int, scores: pl.DataFrame, rejects: pl.DataFrame, noticed: dict[str, int]) -> Part:
        """Write a part, its manifest last."""
        written = self.write(self.scores(number), scores)
        listed = self.write(self.rejects(number), rejects)
        kinds = rejects.group_by("input", "kind").len().sort("input", "kind").rows()
        part = Part(
            scored=scores.height,
            rejected={f"{name} {kind}": count for name, kind, count in kinds},
            noticed=noticed,
            plan=self.digest,
            scores=written,
            rejects=listed,
        )
        replace_file(self.manifest(number), msgspec.json.encode(part))
        return part

    def write(self, path: Path, rows: pl.DataFrame) -> Digest:
        made = BytesIO()
        rows.write_parquet(made)
        with speaking(f"write {str(path)!r}"):
            replace_file(path, made.getvalue())
        return digest_of(made.getvalue())

    def make(self) -> None:
        """Make the parts one file, whole or not there, with what was rejected in a file beside it."""
        manifest_beside(self.target).unlink(missing_ok=True)
        self.publish([self.rejects(each) for each in range(self.count)], rejects_beside(self.target))
        self.publish([self.scores(each) for each in range(self.count)], self.target, empty=True)

    def end(self) -> None:
        """Forget the parts: what they made is there."""
        remove(self.folder)

    def publish(self, parts: list[Path], target: Path, *, empty: bool = False) -> None:
        """Write the rows of all parts in their order, by rename; without any, a file only where `empty` says so."""
        rows = pl.scan_parquet(parts, glob=False)
        if not empty and not rows.select(pl.len()).collect().item():
            target.unlink(missing_ok=True)
            return
        made = self.folder / f"whole.{target.name}"
        with speaking_polars(f"write {str(target)!r}"):
            rows.sink_parquet(made, maintain_order=True)
            sync(made)
            made.replace(target)
            sync(target.parent)

    def scores(self, number: int) -> Path:
        return self.folder / f"{number:06d}.parquet"

    def rejects(self, number: int) -> Path:
        return self.folder / f"{number:06d}.rejects.parquet"

    def manifest(self, number: int) -> Path:
        return self.folder / f"{number:06d}.json"


def rejects_beside(target: Path) -> Path:
    """Return where the rows that broke the contract are listed.

    >>> rejects_beside(Path("scores.parquet")).name
    'scores.rejects.parquet'
    """
    return target.with_name(f"{target.stem}.rejects{target.suffix}")


def manifest_beside(target: Path) -> Path:
    """Return where it is said that a file of scores is whole.

    >>> manifest_beside(Path("scores.parquet")).name
    'scores.manifest.json'
    """
    return target.with_name(f"{target.stem}.manifest.json")


def locked(descriptor: int, how: int) -> bool:
    """Take a lock if nobody holds it against that; say whether."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
