"""Does one request keep the contract? Plain lists in, the first problem out; linear, and no frame is built."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from headgate.names import did_you_mean
from headgate.specs.contract import Column, Contract
from headgate.wording import shown

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
Fault = tuple[str, str]
"""What is wrong with an input, and the one word it is counted under."""


class Problem(NamedTuple):
    """Why a request is refused: which input, what is wrong with it, and the one word it is counted under."""

    input: str
    reason: str
    kind: str

    def __str__(self) -> str:
        return f"input {shown(self.input)} {self.reason}"


def check(
    columns: Columns, contract: Contract, needed: Collection[str] | None = None, kept: Collection[str] = ()
) -> Problem | None:
    """Return the first thing in a request that breaks the contract, or None.

    `needed` are the inputs that must be there: by default every required feature. `kept` are those whose values are
    already known to keep their promise. Unseen categories are a problem
    only where the contract says `unseen: error`, numbers outside the range only where it says to refuse them;
    `headgate.contract.watch` looks at the others.
    """
    for name in columns:
        if name not in contract.columns or contract.columns[name].role == "label":
            return Problem(name, unknown(name, contract), "unknown")
    for name in features(contract) if needed is None else needed:
        if name not in columns:
            return Problem(name, "is missing; the contract requires it", "missing")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        first, last = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        reason = f"has {lengths[first]} values and {shown(last)} has {lengths[last]}; expected as many"
        return Problem(first, reason, "length")
    if not any(lengths.values()):
        return Problem(next(iter(columns), ""), "has no values; expected at least one", "length")
    rest = columns.keys() - kept
    judged = {name: column for name, column in contract.columns.items() if name in rest and column.role != "ignore"}
    problems = (problem_of(name, columns[name], column) for name, column in judged.items())
    return next((problem for problem in problems if problem), None)


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
            return Problem(name, "has null; the contract allows no missing values", "null")
        values = [value for value in values if value is not None]
        kinds.discard(type(None))
    fault = wrong_type(values, kinds, column) or wrong_number(values, kinds, column) or wrong_text(values, column)
    return Problem(name, *fault) if fault else None


def wrong_type(values: Sequence[Any], kinds: set[type], column: Column) -> Fault | None:
    expected, allowed = TYPES[column.type]
    if kinds <= allowed:
        return None
    if column.type == "integer" and kinds <= {int, float}:
        bad = next((value for value in values if isinstance(value, float) and not value.is_integer()), None)
        return None if bad is None else (f"has {bad!r}; expected {expected}", "type")
    bad = next(value for value in values if type(value) not in allowed)
    return f"has {shown(bad)}; expected {expected}", "type"


def wrong_number(values: Sequence[Any], kinds: set[type], column: Column) -> Fault | None:
    if column.type not in {"integer", "number"} or not kinds:
        return None
    if int in kinds and beyond_64_bits(values):
        return "has a whole number beyond 64 bits", "type"
    if float in kinds and not all(map(math.isfinite, values)):
        if any(map(math.isinf, values)):
            return "has an infinite value; expected finite numbers", "infinite"
        if column.nulls == 0:
            return "has NaN; the contract allows no missing values", "null"
        values = [value for value in values if not math.isnan(value)]
        if not values:
            return None
    return outside_range(min(values), max(values), column) if column.at_the_door == "reject" else None


def outside_range(low: float, high: float, column: Column) -> Fault | None:
    if column.min is not None and low < column.min:
        return f"has {low!r}; expected at least {column.min!r}", "below"
    if column.max is not None and high > column.max:
        return f"has {high!r}; expected at most {column.max!r}", "above"
    return None


def beyond_64_bits(values: Sequence[Any]) -> bool:
    whole = [value for value in values if isinstance(value, int)]
    return min(whole) < -LARGEST_INTEGER or max(whole) >= LARGEST_INTEGER


def wrong_text(values: Sequence[Any], column: Column) -> Fault | None:
    if column.type in {"datetime", "date"}:
        bad = next((value for value in values if not is_time(value)), None)
        return None if bad is None else (f"has {shown(bad)}; expected {TYPES[column.type][0]}", "type")
    if column.type != "string":
        return None
    if column.categories is not None and column.unseen == "error":
        known = words(column.categories)
        if not known.issuperset(values):
            bad = next(value for value in values if value not in known)
            near = did_you_mean(bad[:100], known)
            return f"has {shown(bad)}, which is none of the contract's categories.{near}", "unseen"
    if column.max_length is not None and max(map(len, values), default=0) > column.max_length:
        return f"has text of {max(map(len, values))} characters; expected at most {column.max_length}", "text"
    if column.pattern is not None:
        whole = re.compile(column.pattern)
        bad = next((value for value in values if not whole.fullmatch(value)), None)
        return None if bad is None else (f"has {shown(bad)}; expected the pattern {column.pattern}", "text")
    return None


def is_time(value: str | date) -> bool:
    try:
        return not isinstance(value, str) or bool(datetime.fromisoformat(value))
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def words(categories: tuple[str, ...]) -> frozenset[str]:
    return frozenset(categories)
