"""Which of two models answers a row? Chance says so once for each key, and the same for ever after, on every server."""

from collections.abc import Sequence
from functools import lru_cache
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headgate.serve.door.admission import Admitted
from headgate.serve.logs.sampling import place_of, text_of

Codes = NDArray[np.int8]
CONTROL, TREATMENT, UNASSIGNED = 0, 1, -1
"""Unassigned: a row without a key is answered as by control, and takes no part."""
NAMES = {CONTROL: "control", TREATMENT: "treatment"}


class Division:
    """Divides rows by a column's value; it knows nothing but the experiment's name, and remembers nobody."""

    def __init__(self, experiment: str, key: str, share: float) -> None:
        self.experiment = experiment
        self.key = key
        self.share = share
        self.place = lru_cache(maxsize=65_536)(self.hashed)

    def codes(self, rows: Admitted) -> Codes:
        """Return each row's arm."""
        keys: Sequence[Any] = rows.columns.get(self.key) or [None] * rows.count
        return np.fromiter((self.arm(key) for key in keys), dtype=np.int8, count=rows.count)

    def arm(self, key: Any) -> int:
        """Return a key's arm: the same for 7 and 7.0, as JSON has them.

        >>> Division("colours", "rider", 0.5).arm(7) == Division("colours", "rider", 0.5).arm(7.0)
        True
        """
        if key is None or (isinstance(key, float) and isnan(key)):
            return UNASSIGNED
        return TREATMENT if self.place(text_of(key)) < self.share else CONTROL

    def hashed(self, key: str) -> float:
        """Return a key's place between 0 and 1, in another order for each experiment."""
        return place_of(f"{self.experiment}\0{key}")

    def propensity(self, arm: int) -> float:
        """Return the chance by which a key came to its arm."""
        return self.share if arm == TREATMENT else 1 - self.share
