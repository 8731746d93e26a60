"""The log of pairs: what the champion answered and what the shadow would have, row by row, with what joins them.

A file a process; its first line says how to read it, each further line is one batch, by column. A killed process at
most tears the last line, which the reader leaves out.
"""

import time
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from headgate.errors import PermanentError
from headgate.features import ids
from headgate.models.loading import Predictions
from headgate.names import Digest, Name, short
from headgate.serve.door.admission import Admitted
from headgate.serve.logs.appending import Appending
from headgate.serve.logs.lines import read_lines
from headgate.serve.logs.room import Room
from headgate.specs.service import Service, Task

MOST_BYTES = 256 << 20
"""Of a folder's files; what comes before some of them are sent and deleted is counted, and not kept."""
CALENDAR = ("day", "week")


class PairsHead(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a file."""

    pairs: Literal[1] = 1
    service: Name
    champion: Digest
    shadow: Digest
    task: Task
    classes: tuple[str, ...]


class PairLog:
    """Appends pairs to this process's own files."""

    def __init__(self, folder: Path, head: PairsHead, spec: Service) -> None:
        self.folder, self.head, self.spec = folder, head, spec
        first = msgspec.json.encode(head) + b"\n"
        self.files = Appending(f"{short(head.shadow)}-", first, Room(folder, MOST_BYTES))
        self.unkept = 0
        """Pairs that found no room."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise PermanentError(f"no pairs can be kept in {str(folder)!r}: {err.strerror}") from err

    def keep(self, rows: Admitted, frame: pl.DataFrame, champion: Predictions, shadow: Predictions) -> None:
        """Write one batch; OSError when the disk takes none."""
        if self.files.room.is_full():
            self.unkept += rows.count
            return
        self.files.append(self.folder, msgspec.json.encode(self.columns(rows, frame, champion, shadow)) + b"\n")

    def columns(
        self, rows: Admitted, frame: pl.DataFrame, champion: Predictions, shadow: Predictions
    ) -> dict[str, list[Any]]:
        data = self.spec.data
        now = time.time_ns() // 1000
        cluster = None if is_calendar(self.spec) else data.cluster
        return {
            "id": ids(frame, self.spec).to_list(),
            "time": list(rows.stamps[data.time]) if data.time else [now] * rows.count,
            "cluster": frame[cluster].cast(pl.String).to_list() if cluster else [None] * rows.count,
            "champion": champion.tolist(),
            "shadow": shadow.tolist(),
        }


def is_calendar(spec: Service) -> bool:
    """Say whether rows are clustered by their event time."""
    return spec.data.cluster in CALENDAR and spec.data.time is not None


def read_pairs(folder: Path) -> tuple[PairsHead, pl.DataFrame]:
    """Return the pairs of one champion and one shadow, each id once, its first.

    Columns: `id`, `time`, `cluster`, `champion` and `shadow` (multiclass: lists, a number a class).
    """
    found = [pairs for path in sorted(folder.glob("*.jsonl")) if (pairs := read_file(path)) is not None]
    if not found:
        raise PermanentError(
            f"no pairs in {str(folder)!r}", next_step="serve with --shadow-model and --shadow-log, and ask it something"
        )
    heads = {head for head, _ in found}
    if len(heads) > 1:
        told = ", ".join(sorted(f"{short(head.champion)} and {short(head.shadow)}" for head in heads))
        raise PermanentError(
            f"{str(folder)!r} has pairs of more than two models: {told}",
            next_step="keep those of one champion and one shadow in a folder of their own",
        )
    rows = pl.concat([rows for _, rows in found]).sort("time", maintain_order=True)
    return heads.pop(), rows.unique("id", keep="first", maintain_order=True)


def read_file(path: Path) -> tuple[PairsHead, pl.DataFrame] | None:
    read = read_lines(path, PairsHead, schema_of, what="log of pairs", next_step="move the file away")
    if read is None:
        return None
    head, packed = read
    return head, packed.explode(packed.columns).with_columns(pl.col("time").cast(pl.Datetime("us")))


def schema_of(head: PairsHead) -> pl.Schema:
    score: pl.DataType = pl.List(pl.Float64) if head.task == "multiclass" else pl.Float64()
    kinds = {"id": pl.String(), "time": pl.Int64(), "cluster": pl.String(), "champion": score, "shadow": score}
    return pl.Schema({name: pl.List(kind) for name, kind in kinds.items()})
