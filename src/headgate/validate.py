"""Dataset x contract → report: are these rows fit to learn from."""

from collections.abc import Mapping
from typing import Literal

import polars as pl

from headgate.contract.findings import enough_rows
from headgate.contract.rules import check
from headgate.records.dataset import Check, DatasetRef, ValidationReport
from headgate.specs.contract import Contract

WORST_LAST = ("pass", "warn", "fail")


def validate(dataset: DatasetRef, parts: Mapping[str, pl.DataFrame], contract: Contract) -> ValidationReport:
    """Return every check of the contract on every part; the outcome is the worst of them."""
    total = sum(rows.height for rows in parts.values())
    checks = [enough_rows(total, "dataset", contract.min_rows)]
    for part, rows in parts.items():
        checks += check(rows, contract, part)
    return ValidationReport(dataset=dataset, checks=tuple(checks), outcome=worst(checks), engine="headgate")


def worst(checks: list[Check]) -> Literal["pass", "warn", "fail"]:
    return max((check.outcome for check in checks), key=WORST_LAST.index)
