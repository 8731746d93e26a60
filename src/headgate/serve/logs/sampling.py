"""Which rows are logged, where a share is enough? Chosen by id: the same on every server, and all of an id's."""

import random
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from headgate.serve.door.admission import Admitted


class Sample:
    """Chooses a share of the ids; of a service without ids a share of the requests."""

    def __init__(self, share: float, columns: Sequence[str]) -> None:
        self.share = share
        self.columns = columns

    def chosen(self, rows: Admitted) -> list[int]:
        """Return the places of the rows that are logged."""
        if not self.columns:
            return list(range(rows.count)) if random.random() < self.share else []  # noqa: S311 - no secret
        absent = [None] * rows.count
        parts = [rows.stamps.get(name) or rows.columns.get(name) or absent for name in self.columns]
        return [place for place, own in enumerate(zip(*parts, strict=True)) if self.has(own)]

    def has(self, id_: Sequence[Any]) -> bool:
        """Say whether an id is chosen; with a larger share it still is.

        >>> [Sample(share, ["rider"]).has([7.0]) == Sample(share, ["rider"]).has([7]) for share in (0.1, 0.9)]
        [True, True]
        """
        return place_of("log\0" + "|".join(map(text_of, id_))) < self.share


def place_of(text: str) -> float:
    """Return a text's place between 0 and 1: chance, the same on every server."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def text_of(key: Any) -> str:
    """Return a value as text, the same for 7 and 7.0, as JSON has them."""
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)
