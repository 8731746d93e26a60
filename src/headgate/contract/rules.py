"""Do the rows keep the contract? Every rule of every column, counted in one pass."""

from collections.abc import Iterator, Mapping

import polars as pl

from headgate.contract.diff import fits, schema_diff
from headgate.contract.findings import Rule, bounds, duplicates, enough_rows, finding, one_value, percent
from headgate.records.dataset import Check
from headgate.specs.contract import Column, Contract


def check(rows: pl.DataFrame, contract: Contract, part: str) -> list[Check]:
    """Return one Check a rule: the schema first, and statistics only of columns whose type fits."""
    first = [enough_rows(rows.height, part), *schema_diff(rows, contract, part)]
    if rows.is_empty():
        return first
    judged = {
        name: column
        for name, column in contract.columns.items()
        if name in rows.columns and column.role != "ignore" and fits(rows, name, column)
    }
    rules = {name: list(rules_of(name, column, rows[name].dtype)) for name, column in judged.items()}
    groups = {", ".join(group): group for group in contract.unique if set(group) <= set(rows.columns)}
    breaking = count(rows, rules, groups)
    checks = [
        finding(rule, judged[name], rows[name], breaking[name, rule.kind], part)
        for name in rules
        for rule in rules[name]
    ]
    repeats = [duplicates(name, breaking[name, "unique"], rows.height, part) for name in groups]
    labels = [one_value(rows[name], part) for name, column in judged.items() if column.role == "label"]
    return [*first, *labels, *checks, *repeats]


def count(
    rows: pl.DataFrame, rules: Mapping[str, list[Rule]], groups: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, str], int]:
    """Return how many rows break each rule, by (column, kind), in one pass over the rows."""
    questions = {(name, rule.kind): rule.broken for name, of_column in rules.items() for rule in of_column}
    questions |= {(name, "unique"): repeated(pl.struct(group).hash()) for name, group in groups.items()}
    counted = rows.lazy().select(expr.alias(str(i)) for i, expr in enumerate(questions.values())).collect()
    return dict(zip(questions, (int(value or 0) for value in counted.row(0)), strict=True)) if questions else {}


def rules_of(name: str, column: Column, dtype: pl.DataType) -> Iterator[Rule]:
    """Yield the questions a contract's column asks, the implicit ones included."""
    here = pl.col(name)
    empty = here.is_null() | here.is_nan() if dtype.is_float() else here.is_null()
    yield Rule("nulls", "error", empty.sum(), column.nulls, f"at most {percent(column.nulls)}")
    if dtype == pl.Null:
        return
    if dtype.is_float():
        yield Rule("infinite", "error", here.is_infinite().sum(), 0.0, "finite numbers")
    if column.min is not None or column.max is not None:
        yield Rule("range", column.range_severity, outside(column, dtype, here), 0.0, bounds(column))
    if column.categories is not None:
        unseen = (~here.cast(pl.String).is_in(list(column.categories))).sum()
        yield Rule("categories", column.unseen, unseen, column.unseen_share, f"{len(column.categories)} known ones")
    if column.pattern is not None:
        other = (~here.cast(pl.String).str.contains(f"^(?:{column.pattern})$")).sum()
        yield Rule("pattern", "error", other, 0.0, column.pattern)
    if column.max_length is not None:
        longer = (here.cast(pl.String).str.len_chars() > column.max_length).sum()
        yield Rule("length", "error", longer, 0.0, f"at most {column.max_length} characters")
    if column.unique:
        yield Rule("unique", "error", repeated(here.drop_nulls()), 0.0, "each value once")


def repeated(values: pl.Expr) -> pl.Expr:
    return values.len() - values.n_unique()


def outside(column: Column, dtype: pl.DataType, here: pl.Expr) -> pl.Expr:
    below = here < column.min if column.min is not None else pl.lit(False)
    above = here > column.max if column.max is not None else pl.lit(False)
    finite = here.is_finite() if dtype.is_float() else pl.lit(True)
    return ((below | above) & finite).sum()
