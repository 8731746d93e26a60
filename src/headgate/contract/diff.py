"""Do the rows have the contract's columns, of the contract's types? Asked before any statistic."""

from typing import Literal

import polars as pl

from headgate.names import did_you_mean
from headgate.records.dataset import Check
from headgate.specs.contract import Column, Contract, Severity
from headgate.wording import shown

READABLE = {"integer": "whole numbers", "string": "text", "number": "numbers", "boolean": "true or false"}
ACCEPTED = {
    "integer": {"integer"},
    "number": {"number", "integer"},
    "string": {"string"},
    "boolean": {"boolean"},
    "datetime": {"datetime", "date"},
    "date": {"date"},
}


def kind_of(dtype: pl.DataType) -> str:
    """Return the contract's word for a polars type; an unknown one keeps its own name.

    >>> kind_of(pl.Int64()), kind_of(pl.Categorical()), kind_of(pl.List(pl.Int8))
    ('integer', 'string', 'list(int8)')
    """
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    simple = {
        pl.String: "string",
        pl.Categorical: "string",
        pl.Enum: "string",
        pl.Boolean: "boolean",
        pl.Datetime: "datetime",
        pl.Date: "date",
        pl.Null: "empty",
    }
    return simple.get(dtype.base_type(), str(dtype).lower())


def fits(rows: pl.DataFrame, name: str, column: Column) -> bool:
    """Say whether a column's values can be judged by its rules; whole numbers stored as floats are whole numbers."""
    kind = kind_of(rows[name].dtype)
    if kind == "empty" or kind in ACCEPTED[column.type]:
        return True
    if column.type == "integer" and kind == "number" and rows[name].dtype.is_float():
        values = rows[name].drop_nulls()
        return bool((values.is_nan() | (values == values.floor())).all())
    return False


def schema_diff(rows: pl.DataFrame, contract: Contract, part: str = "rows") -> list[Check]:
    """Return what was removed, retyped or added, in that order; an empty list when nothing was."""
    removed = [
        missing(name, rows, column, part) for name, column in contract.columns.items() if name not in rows.columns
    ]
    present = [(name, column) for name, column in contract.columns.items() if name in rows.columns]
    retyped = [retype(name, rows, column, part) for name, column in present if not fits(rows, name, column)]
    narrowed = [
        narrow(name, rows, part)
        for name, column in present
        if column.type == "number" and kind_of(rows[name].dtype) == "integer" and column.role != "ignore"
    ]
    severity = contract.extra_columns
    added = (
        [extra(name, rows, severity, part) for name in rows.columns if name not in contract.columns]
        if severity != "allow"
        else []
    )
    return [*(check for check in removed if check), *retyped, *narrowed, *added]


def missing(name: str, rows: pl.DataFrame, column: Column, part: str) -> Check | None:
    if not column.required:
        return None
    found = ", ".join(rows.columns[:30])
    hint = did_you_mean(name, rows.columns)
    detail = f"column {name!r} is missing; found: {found}.{hint}"
    return broken(f"missing {part}", name, severity_of(column), detail, rows.height)


def retype(name: str, rows: pl.DataFrame, column: Column, part: str) -> Check:
    kind = kind_of(rows[name].dtype)
    sample = culprit(rows[name], column)
    found, expected = READABLE.get(kind, kind), READABLE.get(column.type, column.type)
    detail = f"{name} is {found}, expected {expected}; first: {shown(sample)}"
    return broken(f"type {part}", name, severity_of(column), detail, rows.height)


def culprit(values: pl.Series, column: Column) -> object:
    """Return the first value that cannot be of the column's type, else the first one."""
    filled = values.drop_nulls()
    if values.dtype == pl.String and column.type in {"integer", "number"}:
        unreadable = filled.filter(filled.cast(pl.Float64, strict=False).is_null())
        filled = unreadable if len(unreadable) else filled
    return filled[0] if len(filled) else None


def narrow(name: str, rows: pl.DataFrame, part: str) -> Check:
    detail = f"{name} holds whole numbers only, expected decimals: were they cut off?"
    return broken(f"type {part}", name, "warning", detail, rows.height)


def extra(name: str, rows: pl.DataFrame, severity: Severity, part: str) -> Check:
    detail = f"column {name!r} ({kind_of(rows[name].dtype)}) is not in the contract"
    return broken(f"added {part}", name, severity, detail, rows.height)


def severity_of(column: Column) -> Severity:
    return "warning" if column.role == "ignore" else "error"


def broken(name: str, column: str | None, severity: Severity, detail: str, rows: int) -> Check:
    """Return the Check of a broken rule: an error fails, a warning warns."""
    outcome: Literal["fail", "warn"] = "fail" if severity == "error" else "warn"
    return Check(name=name, column=column, severity=severity, outcome=outcome, detail=detail, rows=rows)


def passed(name: str, column: str | None, severity: Severity, detail: str, rows: int = 0) -> Check:
    """Return the Check of a rule that was kept."""
    return Check(name=name, column=column, severity=severity, outcome="pass", detail=detail, rows=rows)
