"""Small worlds in which the truth is known: predictions frames as `evaluate.predict` makes them."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def days_of(rows: int, days: int) -> NDArray[np.int64]:
    """Return a day per row, equally many of each."""
    return np.arange(rows) * days // rows


def binary_world(
    rng: np.random.Generator,
    rows: int = 600,
    days: int = 30,
    *,
    clustered: bool = True,
    candidate: float = 1.0,
    champion: float = 1.0,
) -> pl.DataFrame:
    """Return labels and three scores; `candidate` and `champion` are how well each sees what makes the label.

    Clustered: each day has its own base rate, and its own days on which a model sees badly.
    """
    day = days_of(rows, days)
    spread = 0.6 if clustered else 0.0
    rate, blur_a, blur_b = (rng.normal(0, spread, days)[day] for _ in range(3))
    seen = rng.normal(size=rows)
    label = (rng.random(rows) < logistic(seen + rate - 0.5)).astype(float)
    scores = {
        "candidate": candidate * seen + rng.normal(size=rows) * np.exp(blur_a),
        "champion": champion * seen + rng.normal(size=rows) * np.exp(blur_b),
        "anchor": 0.3 * seen + rng.normal(size=rows),
    }
    return frame_of(label, day, {role: logistic(score / 2 - 0.4) for role, score in scores.items()} | {"baseline": 0.4})


def frame_of(
    label: Floats, day: NDArray[np.int64], roles: dict[str, Floats | float], **slices: list[str]
) -> pl.DataFrame:
    """Return a predictions frame of binary or regression rows."""
    rows = len(label)
    predicted = {role: np.broadcast_to(np.asarray(values, dtype=float), rows) for role, values in roles.items()}
    return pl.DataFrame(
        {
            "id": [f"r{n}" for n in range(rows)],
            "time": pl.Series([None] * rows, dtype=pl.Datetime("us")),
            "cluster": day,
            "label": pl.Series(label).fill_nan(None),
            **predicted,
            **{f"slice.{name}": values for name, values in slices.items()},
        }
    )


def logistic(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-values))
