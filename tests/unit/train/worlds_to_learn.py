"""Small worlds that can be learned, for every task: decimals, integers, categories, missing values."""

from typing import Any

import msgspec
import numpy as np
import polars as pl

from headgate.specs.service import Data, Label, Service, Task, Train

WORDS = [f"v{number}" for number in range(12)]
QUICK: dict[str, Any] = {"max_iter": 15}


def service(task: Task = "binary", entrypoint: str = "boosting", **train: Any) -> Service:
    params = QUICK if entrypoint == "boosting" else {}
    return Service(
        service="world",
        task=task,
        data=Data(reader="rows.csv", label=Label(column="label")),
        train=Train(entrypoint=entrypoint, **{"params": params, **train}),
    )


def varied(spec: Service, **train: Any) -> Service:
    return msgspec.structs.replace(spec, train=msgspec.structs.replace(spec.train, **train))


def world(n: int, task: Task = "binary", seed: int = 0) -> pl.DataFrame:
    """Return rows whose label follows three of six columns; one column is constant, one is mostly missing."""
    draw = np.random.default_rng(seed)
    temp, hour, word = draw.normal(size=n).round(1), draw.integers(0, 24, n), draw.choice(WORDS, n)
    effect = np.array([int(each[1:]) % 3 for each in word])
    score = temp + (hour > 17) + effect + draw.normal(size=n) / 2
    label = {"binary": score > 1.5, "multiclass": np.digitize(score, [1, 2]), "regression": 50 * score + 1000}[task]
    return pl.DataFrame(
        {
            "temp": np.where(draw.random(n) < 0.1, np.nan, temp),
            "hour": hour,
            "word": [None if gone else str(each) for each, gone in zip(word, draw.random(n) < 0.05, strict=True)],
            "constant": 1.0,
            "rare": np.where(draw.random(n) < 0.95, np.nan, draw.normal(size=n) * 1e6),
            "flag": draw.random(n) > 0.5,
            "label": label,
        }
    ).with_columns(pl.col("temp", "rare").fill_nan(None))
