"""Does one request keep the contract? Plain lists in, the first problem out; linear, and no frame is built."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from headgate.contract.diff import shown
from headgate.names import did_you_mean
from headgate.specs.contract import Column, Contract

Columns = Mapping[str, Sequence[Any]]
TYPES: dict[str, tuple[str, frozenset[type]]] = {
    "integer": ("a whole number", frozenset({int})),
    "number": ("a number", frozenset({float, int})),
    "string": ("text", frozenset({str})),
    "boolean": ("true or false", frozenset({bool})),
    "datetime": ("a time like 2013-01-31T08:00:00", frozenset({str, datetime})),
    "date": ("a date like 2013-01-31", frozenset({str, date})),
}
LARGEST_INTEGER = 2**63


class Problem(NamedTuple):
    """Why a request is refused: which input, and what is wrong with it."""

    input: str
    reason: str

    def __str__(self) -> str:
        return f"input {shown(self.input)} {self.reason}"


def check(columns: Columns, contract: Contract, needed: Collection[str] | None = None) -> Problem | None:
    """Return the first thing in a request that breaks the contract, or None.

    `needed` are the inputs that must be there: by default every required feature. Unseen categories are a problem
    only where the contract says `unseen: error`; `unseen` counts the others.
    """
    for name in columns:
        if name not in contract.columns or contract.columns[name].role == "label":
            return Problem(name, unknown(name, contract))
    for name in features(contract) if needed is None else needed:
        if name not in columns:
            return Problem(name, "is missing; the contract requires it")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        first, last = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        return Problem(first, f"has {lengths[first]} values and {shown(last)} has {lengths[last]}; expected as many")
    if not any(lengths.values()):
        return Problem(next(iter(columns), ""), "has no values; expected at least one")
    judged = {name: column for name, column in contract.columns.items() if name in columns and column.role != "ignore"}
    problems = (problem_of(name, columns[name], column) for name, column in judged.items())
    return next((problem for problem in problems if problem), None)


def unseen(columns: Columns, contract: Contract) -> dict[str, int]:
    """Return how many values of each input are categories the contract doesn't list, where there are any."""
    judged = ((name, words(column.categories)) for name, column in contract.columns.items() if column.categories)
    counts = {name: sum(v is not None and v not in known for v in columns.get(name, ())) for name, known in judged}
    return {name: count for name, count in counts.items() if count}


def features(contract: Contract) -> list[str]:
    """Return the inputs that a request must have by default."""
    return [name for name, column in contract.columns.items() if column.role == "feature" and column.required]


def unknown(name: str, contract: Contract) -> str:
    if name in contract.columns:
        return "is the label, which a request never carries"
    known = [known for known, column in contract.columns.items() if column.role != "label"]
    return f"is unknown; the contract has none of that name.{did_you_mean(name[:100], known)}"


def problem_of(name: str, values: Sequence[Any], column: Column) -> Problem | None:
    """Return the first problem of one input."""
    kinds = set(map(type, values))
    if type(None) in kinds:
        if column.nulls == 0:
            return Problem(name, "has null; the contract allows no missing values")
        values = [value for value in values if value is not None]
        kinds.discard(type(None))
    reason = wrong_type(values, kinds, column) or wrong_number(values, kinds, column) or wrong_text(values, column)
    return Problem(name, reason) if reason else None


def wrong_type(values: Sequence[Any], kinds: set[type], column: Column) -> str | None:
    expected, allowed = TYPES[column.type]
    if kinds <= allowed:
        return None
    if column.type == "integer" and kinds <= {int, float}:
        bad = next((value for value in values if isinstance(value, float) and not value.is_integer()), None)
        return None if bad is None else f"has {bad!r}; expected {expected}"
    bad = next(value for value in values if type(value) not in allowed)
    return f"has {shown(bad)}; expected {expected}"


def wrong_number(values: Sequence[Any], kinds: set[type], column: Column) -> str | None:
    if column.type not in {"integer", "number"} or not kinds:
        return None
    if int in kinds and beyond_64_bits(values):
        return "has a whole number beyond 64 bits"
    if float in kinds and not all(map(math.isfinite, values)):
        if any(map(math.isinf, values)):
            return "has an infinite value; expected finite numbers"
        if column.nulls == 0:
            return "has NaN; the contract allows no missing values"
        values = [value for value in values if not math.isnan(value)]
        if not values:
            return None
    low, high = min(values), max(values)
    if column.range_severity == "error":
        if column.min is not None and low < column.min:
            return f"has {low!r}; expected at least {column.min!r}"
        if column.max is not None and high > column.max:
            return f"has {high!r}; expected at most {column.max!r}"
    return None


def beyond_64_bits(values: Sequence[Any]) -> bool:
    whole = [value for value in values if isinstance(value, int)]
    return min(whole) < -LARGEST_INTEGER or max(whole) >= LARGEST_INTEGER


def wrong_text(values: Sequence[Any], column: Column) -> str | None:
    if column.type in {"datetime", "date"}:
        bad = next((value for value in values if not is_time(value)), None)
        return None if bad is None else f"has {shown(bad)}; expected {TYPES[column.type][0]}"
    if column.type != "string":
        return None
    if column.categories is not None and column.unseen == "error":
        known = words(column.categories)
        if not known.issuperset(values):
            bad = next(value for value in values if value not in known)
            return f"has {shown(bad)}, which is none of the contract's categories.{did_you_mean(bad[:100], known)}"
    if column.max_length is not None and max(map(len, values), default=0) > column.max_length:
        return f"has text of {max(map(len, values))} characters; expected at most {column.max_length}"
    if column.pattern is not None:
        whole = re.compile(column.pattern)
        bad = next((value for value in values if not whole.fullmatch(value)), None)
        return None if bad is None else f"has {shown(bad)}; expected the pattern {column.pattern}"
    return None


def is_time(value: str | date) -> bool:
    try:
        return not isinstance(value, str) or bool(datetime.fromisoformat(value))
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def words(categories: tuple[str, ...]) -> frozenset[str]:
    return frozenset(categories)
