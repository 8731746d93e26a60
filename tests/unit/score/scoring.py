"""Files of rides, scored by the package's function or by the command."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from headgate.errors import HeadgateError
from headgate.models.loading import load
from headgate.score.batch import Scored, score
from headgate.serve.door.admission import Door
from headgate.serve.model.predictor import Predictor
from headgate.serve.setup.preparing import features_function
from headgate.specs.contract import Contract
from headgate.specs.reading import read
from headgate.specs.service import Service
from unit.serve.running import World

FIRST = datetime(2024, 5, 1, 8)  # noqa: DTZ001 - naive means UTC


def rides(count: int, seed: int = 0) -> pl.DataFrame:
    """Return rows that keep the contract; with a label and a column that nobody asked for."""
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "rider": np.arange(count),
            "at": [FIRST + timedelta(minutes=7 * each) for each in range(count)],
            "city": draw.choice(["berne", "zürich"], count),
            "distance": [
                None if gone else each for gone, each in zip(draw.random(count) < 0.2, draw.random(count), strict=True)
            ],
            "seats": draw.integers(0, 6, count),
            "late": draw.random(count) < 0.5,
            "comment": "none",
        }
    )


def predictor_of(made: World) -> Predictor:
    spec = read(made.folder / "service.yaml", Service)
    contract = read(made.folder / spec.contract, Contract)
    function = features_function(spec, made.folder)
    return Predictor(load(made.model, made.sha256), spec, function, Door(contract, spec))


def scored(made: World, rows: pl.DataFrame, **options: Any) -> Scored:
    rows.write_parquet(made.folder / "in.parquet")
    return score(made.folder / "in.parquet", made.folder / "out.parquet", predictor_of(made), "code", **options)


def again(made: World, code: str = "code", **options: Any) -> Scored:
    told = {"part_rows": 8} | options
    return score(made.folder / "in.parquet", made.folder / "out.parquet", predictor_of(made), code, **told)


def refused(made: World, rows: pl.DataFrame, **options: Any) -> str:
    with pytest.raises(HeadgateError) as caught:
        scored(made, rows, **options)
    return "\n".join(caught.value.lines())


def left(folder: Path) -> set[str]:
    """Return what is in a folder beside the service and its input."""
    known = {"service.yaml", "contract.yaml", "rides_features.py", "model", "in.parquet", "__pycache__", "ready.json"}
    return {path.name for path in folder.iterdir()} - known


def headgate(made: World, *words: object, **options: Any) -> subprocess.Popen[str]:
    told = [
        "score",
        made.folder / "in.parquet",
        made.folder / "out.parquet",
        "-s",
        made.folder / "service.yaml",
        *words,
    ]
    command = [sys.executable, "-m", "headgate", *map(str, told)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, text=True, cwd=made.folder, **pipes)


def by_package(made: World) -> tuple[object, ...]:
    return "--model", made.model, "--sha256", made.sha256
