"""Answered rows in bins, counted exactly as drift counts a frame's columns, and without a frame."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from headgate.models.loading import Predictions
from headgate.models.signature import Signature
from headgate.serve.door.admission import DAY_MICROSECONDS, TIMES, Admitted, Door
from headgate.serve.observers.bins import Bins
from headgate.specs.contract import ColumnType
from headgate.specs.service import Service
from headgate.stats.profile import Categories, Profile

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
"""In which cell each row is counted: a bin, or past them infinite or unseen, then null, as `stats.profile.cells`."""


class Counted(NamedTuple):
    """One column of some rows."""

    name: str
    cells: NDArray[np.int64]
    """(groups of rows, cells)"""
    unseen: Mapping[int, set[str]]
    """Unseen categories by group."""


class Counter(Protocol):
    """Counts rows for one model."""

    rows_at_once: int

    def count(
        self, rows: Admitted, scores: Predictions, groups: Places, pause: Callable[[], None]
    ) -> Iterator[Counted]:
        """Yield each column's cells by group (0, 1, ...); what is no column of this kind is left out."""


class NumberColumn:
    """Counts one column of numbers."""

    def __init__(self, cuts: Sequence[float], read: Callable[[Admitted, Predictions], Floats]) -> None:
        self.cuts = np.asarray(cuts, dtype=np.float64)
        self.width = len(cuts) + 3
        self.read = read

    def places(self, rows: Admitted, scores: Predictions) -> Places:
        """Return where each row is counted."""
        values = self.read(rows, scores)
        found: Places = self.cuts.searchsorted(values, side="right")
        odd = ~np.isfinite(values)
        if odd.any():
            found[odd] = np.where(np.isnan(values[odd]), self.width - 1, self.width - 2)
        return found

    def unseen(self, _rows: Admitted, _places: Places, _groups: Places) -> Mapping[int, set[str]]:
        """Return nothing: numbers have no names."""
        return {}


class WordColumn:
    """Counts one column of categories."""

    def __init__(self, known: Sequence[str], name: str) -> None:
        self.name = name
        self.width = len(known) + 2
        self.by_word: dict[str | None, int] = {word: code for code, word in enumerate(known)} | {None: self.width - 1}

    def places(self, rows: Admitted, _scores: Predictions) -> Places:
        """Return where each row is counted."""
        words = self.words(rows)
        return np.fromiter(map(self.by_word.get, words, repeat(self.width - 2)), np.intp, len(words))

    def unseen(self, rows: Admitted, places: Places, groups: Places) -> Mapping[int, set[str]]:
        """Return the categories that nobody knew, by group of rows."""
        odd = np.flatnonzero(places == self.width - 2)
        found: dict[int, set[str]] = defaultdict(set)
        if len(odd):
            words = self.words(rows)
            for row, group in zip(odd.tolist(), groups[odd].tolist(), strict=True):
                found[group].add(words[row])
        return found

    def words(self, rows: Admitted) -> Sequence[Any]:
        return rows.columns[self.name] if self.name in rows.columns else [None] * rows.count


class Counting:
    """Counts admitted rows of a model whose features are its inputs as they are."""

    rows_at_once = 128

    def __init__(self, door: Door, spec: Service, signature: Signature, bins: Bins) -> None:
        self.columns: dict[str, NumberColumn | WordColumn] = {}
        answers = {name: score_reader(place) for name, place in answers_of(signature).items()}
        inputs = {name: type_ for name, type_ in door.types.items() if is_feature(name, spec)}
        for name, empty in bins.items():
            if isinstance(empty, Categories):
                if inputs.get(name) == "string" and name not in answers:
                    self.columns[name] = WordColumn(empty.known, name)
            elif name in answers or inputs.get(name, "string") != "string":
                read = answers.get(name) or reader(name, inputs[name], door.places)
                self.columns[name] = NumberColumn(empty.cuts, read)

    def count(
        self, rows: Admitted, scores: Predictions, groups: Places, pause: Callable[[], None]
    ) -> Iterator[Counted]:
        """Yield each column's cells by group."""
        many = int(groups.max()) + 1
        for name, column in self.columns.items():
            places = column.places(rows, scores)
            at = places if many == 1 else groups * column.width + places
            cells = np.bincount(at, minlength=many * column.width).reshape(many, column.width)
            yield Counted(name, cells, column.unseen(rows, places, groups))
            pause()


def is_feature(name: str, spec: Service) -> bool:
    """Say whether an input is a feature where no function says otherwise, as `features.default` has it."""
    data = spec.data
    return name not in {data.time, data.cluster, *data.id, data.label.column} and data.roles.get(name) != "ignore"


def answers_of(signature: Signature) -> dict[str, int | None]:
    """Return the model's answers as drift names them, and their columns where there are several."""
    if signature.task == "multiclass":
        return {f"score.{name}": place for place, name in enumerate(signature.classes)}
    return {"score": None}


def score_reader(place: int | None) -> Callable[[Admitted, Predictions], Floats]:
    return lambda _, scores: scores if place is None else scores[:, place]


def reader(name: str, type_: ColumnType, places: Mapping[str, int]) -> Callable[[Admitted, Predictions], Floats]:
    """Return what reads an input as drift does: booleans as 0 and 1, times as days, NaN where one is missing."""
    place = places.get(name)

    def read(rows: Admitted, _scores: Predictions) -> Floats:
        if rows.numbers is not None and place is not None:
            values: Floats = rows.numbers[place]
            return values
        if name not in rows.columns:
            return np.full(rows.count, np.nan)
        if type_ == "date":
            return np.array([np.nan if stamp is None else stamp // DAY_MICROSECONDS for stamp in rows.stamps[name]])
        if type_ in TIMES:
            return np.asarray(rows.stamps[name], dtype=np.float64) / DAY_MICROSECONDS
        return np.asarray(rows.columns[name], dtype=np.float64)

    return read


def profile_of(cells: NDArray[np.int64], unseen: Sequence[str], empty: Profile) -> Profile:
    """Return the profile that has these cells, in the bins of an empty one."""
    *counts, odd, nulls = cells.tolist()
    if isinstance(empty, Categories):
        return Categories(known=empty.known, counts=tuple(counts), unseen=odd, unseen_names=tuple(unseen), nulls=nulls)
    return type(empty)(cuts=empty.cuts, counts=tuple(counts), infinite=odd, nulls=nulls)
