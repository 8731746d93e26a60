"""What does a broken rule say? Rows counted, what was found, what was expected."""

from typing import NamedTuple

import polars as pl

from headgate.contract.diff import broken, passed
from headgate.records.dataset import Check
from headgate.specs.contract import Column, Severity
from headgate.wording import shown

OTHER_WORDS = 0.5
"""Beyond this share of unseen categories a column speaks another language, whatever its rule lets pass."""
CUT_OFF = 0.1
"""Beyond this share of rows, unseen words that begin a known one were cut off, not invented."""


class Rule(NamedTuple):
    """One question to a column: how many rows break it, how many may, and what was expected."""

    kind: str
    severity: Severity
    broken: pl.Expr
    allowed_share: float
    expected: str


def finding(rule: Rule, column: Column, values: pl.Series, breaking: int, part: str) -> Check:
    """Return the rule's check for a column of which `breaking` rows break it."""
    name, total, severity = f"{rule.kind} {part}", values.len(), rule.severity
    if breaking == 0:
        return passed(name, values.name, severity, f"none of {total:,} rows; {rule.expected}")
    kept = breaking <= rule.allowed_share * total
    found = f"{breaking:,} of {total:,} rows ({percent(breaking / total)})"
    detail = f"{found}; {rule.expected}"
    if rule.kind == "nulls":
        kept = kept and breaking < total
        severity = "warning" if rule.allowed_share >= 1 else "error"
        detail = f"{found} are empty; {rule.expected}"
    elif rule.kind == "range":
        detail = f"{found} are outside {rule.expected}; seen {seen_range(values)}"
    elif rule.kind == "categories":
        grave, words = unseen_words(values, column, breaking)
        kept, severity = kept and not grave, "error" if grave else severity
        detail = f"{found} hold {words}; {rule.expected}"
    state = passed if kept else broken
    return state(name, values.name, severity, detail, breaking)


def unseen_words(values: pl.Series, column: Column, breaking: int) -> tuple[bool, str]:
    """Return whether unseen categories mean another column, whatever their rule says, and the commonest of them."""
    known = column.categories or ()
    text = values.cast(pl.String)
    unseen = text.filter(~text.is_in(list(known))).value_counts(sort=True, name="rows")
    words = list(unseen.iter_rows())
    cut = {word: whole for word, _ in words if (whole := next((k for k in known if word and k.startswith(word)), None))}
    cut_rows = sum(rows for word, rows in words if word in cut)
    named = ", ".join(f"{shown(word)} ({rows:,})" for word, rows in words[:3]) + (", …" if len(words) > 3 else "")
    if cut_rows > max(CUT_OFF * values.len(), 0.9 * breaking):
        word, whole = next(iter(cut.items()))
        return True, f"cut-off values: {named}; {shown(word)} is the start of {shown(whole)}"
    return breaking > OTHER_WORDS * values.len(), f"unseen {named}"


def enough_rows(rows: int, part: str, least: int = 1) -> Check:
    """Return whether there are rows, and as many as asked."""
    detail = f"{rows:,} rows, at least {least:,}" if rows else "empty: no rows"
    return (passed if rows >= least else broken)(f"rows {part}", None, "error", detail, 0)


def duplicates(group: str, repeats: int, total: int, part: str) -> Check:
    """Return whether a group of columns is unique together."""
    if repeats == 0:
        return passed(f"unique {part}", group, "error", f"no repeats in {total:,} rows")
    return broken(f"unique {part}", group, "error", f"{repeats:,} of {total:,} rows repeat another's {group}", repeats)


def one_value(label: pl.Series, part: str) -> Check:
    """Return whether the label takes more than one value: nothing can be learned or judged from one."""
    values = label.drop_nulls().drop_nans() if label.dtype.is_float() else label.drop_nulls()
    severity: Severity = "warning" if part == "tune" else "error"
    distinct = values.n_unique()
    if distinct > 1:
        return passed(f"label {part}", label.name, severity, f"{distinct:,} values")
    detail = f"one class only: every label is {shown(values[0])}" if distinct else "no row has a label"
    return broken(f"label {part}", label.name, severity, detail, label.len())


def bounds(column: Column) -> str:
    """Return a column's range as people read it.

    >>> bounds(Column(type="number", min=1.0, max=99.9)), bounds(Column(type="integer", min=0))
    ('1.0 .. 99.9', '0 ..')
    """
    low, high = ("" if bound is None else str(bound) for bound in (column.min, column.max))
    return f"{low} .. {high}".strip()


def seen_range(values: pl.Series) -> str:
    finite = values.filter(values.is_finite()) if values.dtype.is_float() else values
    low, high = finite.min(), finite.max()
    return f"{low!r} .. {high!r}"


def percent(share: float) -> str:
    """Return a share as people read it: never 0 % or 100 % unless it is.

    >>> percent(0.6), percent(0.00002), percent(1.0), percent(0.99999)
    ('60 %', '0.002 %', '100 %', '99.999 %')
    """
    for digits in (1, 2, 3, 4):
        text = f"{100 * share:.{digits}f}".rstrip("0").rstrip(".")
        if text not in {"0", "100", ""} or share in {0, 1}:
            return f"{text} %"
    return "< 0.0001 %" if share < 0.5 else "> 99.9999 %"
