"""Fifty rides divided into shares, and scored by share or by one process."""

from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from headgate.records.scoring import Partitions
from headgate.score.batch import Scored, score
from headgate.score.partition import partition
from headgate.score.plan import Share
from headgate.serve.model.predictor import Predictor
from unit.score.scoring import predictor_of, rides
from unit.serve.running import World

ROWS = rides(50).with_columns(seats=pl.when(pl.col("rider") % 10 == 9).then(9).otherwise(pl.col("seats")))
"""Five of them have a seat too many."""
FILES = ("out.parquet", "out.rejects.parquet")


@cache
def ours(made: World) -> Predictor:
    """Return a test's model at work, read once."""
    return predictor_of(made)


def divided(made: World, rows: pl.DataFrame = ROWS, **options: Any) -> Partitions:
    """Write the rows and divide them: seven parts of eight rows, in four shares."""
    rows.write_parquet(made.folder / "in.parquet")
    return again(made, **({"partitions": 4} | options))


def again(made: World, **options: Any) -> Partitions:
    door = ours(made).door
    source, target = made.folder / "in.parquet", made.folder / "out.parquet"
    told = {"model": made.sha256, "code": "code", "part_rows": 8} | options
    return partition(source, target, door, **told)


def share_scored(made: World, divided: Partitions, text: str, **options: Any) -> Scored:
    number, among = map(int, text.split("/"))
    source, target = Path(divided.source), Path(divided.target)
    told = {"part_rows": divided.plan.part_rows, "share": Share(number, among), "planned": divided.plan} | options
    return score(source, target, ours(made), "code", **told)


def all_scored(made: World, divided: Partitions) -> None:
    for text in divided.shares:
        share_scored(made, divided, text)


def alone(made: World, rows: pl.DataFrame = ROWS) -> list[bytes]:
    """Return what one process makes of the rows."""
    rows.write_parquet(made.folder / "in.parquet")
    score(made.folder / "in.parquet", made.folder / "alone.parquet", ours(made), "code", part_rows=8)
    return [(made.folder / name.replace("out", "alone")).read_bytes() for name in FILES]
