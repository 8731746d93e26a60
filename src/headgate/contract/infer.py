"""A first contract from the rows at hand: what was seen is promised, with slack, and ranges only warn."""

import math
import re
from collections.abc import Mapping, Sequence

import msgspec
import polars as pl
import yaml

from headgate.contract.diff import kind_of
from headgate.contract.findings import percent
from headgate.contract.seen import BLOCKS, Seen, look
from headgate.errors import PermanentError
from headgate.names import did_you_mean
from headgate.specs.contract import Column, ColumnType, Contract
from headgate.wording import one_line

Origins = Mapping[str, Mapping[str, str]]
"""Column → field of its rule → where the rule comes from; under "" what holds for the whole column."""
ID_NAME = re.compile(r"(^|_|\b)(id|uuid|guid|key|index|rowid|row_id|no|nr)$|Id$|ID$|^Unnamed", re.ASCII)
PLAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_ .+/-]*[A-Za-z0-9_])?")
"""Texts that YAML takes without quotes, if it does not take them for something else."""
LABEL_KINDS = {"integer", "number", "string", "boolean"}
FEW_LABELS = 20
"""A whole-number label with at most so many values is a class: another number is another class."""
SLACK = 0.01
"""Share of empty values that is let pass where none was seen."""
SHORT = 60
"""Characters of a rule that has its comment beside it."""
LINE = 100


def infer(rows: pl.DataFrame, label: str, time: str | None = None, ids: Sequence[str] = ()) -> Contract:
    """Return a contract that these rows keep: types, null shares with slack, ranges that warn, categories, ids.

    Columns of one value, and texts with too many, get the role `ignore`; without `ids` a unique one is guessed.
    """
    for name in filter(None, [label, time, *ids]):
        if name not in rows.columns:
            raise PermanentError(
                f"rows have no column {name!r}.{did_you_mean(name, rows.columns)}", found=", ".join(rows.columns[:40])
            )
    if patterns := [name for name in rows.columns if is_pattern(name)]:
        raise PermanentError(
            f"polars reads column name {patterns[0]!r} as a pattern of names", next_step="rename it where it is read"
        )
    if rows.is_empty():
        raise PermanentError("no rows to infer a contract from")
    if (kind := kind_of(rows.schema[label])) not in LABEL_KINDS:
        raise PermanentError(f"label {label!r} is {kind}; expected a number, a word or a yes/no")
    seen = look(rows, time)
    ids = tuple(ids) or guess_ids(rows, seen, label, time)
    whole = ids if len(ids) > 1 and not rows.select(ids).is_duplicated().any() else None
    return Contract(
        columns={name: column(fact, role_of(name, fact, label, time, ids), len(ids)) for name, fact in seen.items()},
        unique=(whole,) if whole else (),
    )


def is_pattern(name: str) -> bool:
    """Say whether polars takes a name for more than one: `*`, or a regular expression from ^ to $."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def column(fact: Seen, role: str, ids: int) -> Column:
    """Return the rule of one column from what was seen in it."""
    kind: ColumnType = "string" if fact.kind == "empty" else fact.kind  # type: ignore[assignment]
    if role == "ignore":
        return Column(type=kind, role="ignore", required=False, nulls=1.0)
    is_class = role == "label" and fact.kind == "integer" and fact.distinct <= FEW_LABELS
    return Column(
        type=kind,
        role=role,  # type: ignore[arg-type]
        nulls=0.0 if role in {"id", "time"} and not fact.empty else null_limit(fact),
        min=fact.low if role in {"feature", "label"} else None,
        max=fact.high if role in {"feature", "label"} else None,
        range_severity="error" if is_class else "warning",
        categories=fact.words or None,
        unseen="error" if role == "label" and fact.words else "warning",
        unique=role == "id" and ids == 1 and fact.distinct == fact.rows,
    )


def role_of(name: str, fact: Seen, label: str, time: str | None, ids: Sequence[str]) -> str:
    if name == label:
        return "label"
    if name == time:
        return "time"
    if name in ids:
        return "id"
    return "ignore" if why_ignored(fact) else "feature"


def why_ignored(fact: Seen) -> str | None:
    """Return why a column is no feature, None when it can be one."""
    if fact.distinct == 0:
        return f"empty in all of {fact.rows:,} rows"
    if fact.distinct == 1:
        return f"one value in all of {fact.filled:,} rows that have one"
    if fact.kind == "string" and not fact.words:
        return f"{fact.distinct:,} distinct texts in {fact.filled:,} rows: names, not categories"
    return None


def null_limit(fact: Seen) -> float:
    """Return the share of empty values to allow, two digits, rounded up.

    None seen: 1 %, or more when the rows are too few to say (5 / n). Some seen: the worst tenth's share, half again
    of it or of its complement but at least 5 points, and three standard errors of a share in a tenth of the rows.
    """
    if fact.empty == 0:
        limit = max(SLACK, min(0.1, 5 / fact.rows))
    else:
        share = fact.worst_share
        error = math.sqrt(share * (1 - share) * BLOCKS / fact.rows)
        limit = min(share + max(0.05, min(share, 1 - share) / 2) + 3 * error, 1.0 if share == 1 else 0.99)
    return math.ceil(round(100 * limit, 6)) / 100


def guess_ids(rows: pl.DataFrame, seen: Mapping[str, Seen], label: str, time: str | None) -> tuple[str, ...]:
    """Return the column whose values name the rows, by being unique and named or counted like it."""
    for name, fact in seen.items():
        unique = fact.distinct == fact.rows > 1 and name not in {label, time}
        if unique and fact.kind in {"integer", "string"} and (ID_NAME.search(name) or counts_up(rows[name], fact)):
            return (name,)
    return ()


def counts_up(values: pl.Series, fact: Seen) -> bool:
    return fact.kind == "integer" and fact.rows > 2 and bool((values.diff().drop_nulls() == 1).all())


def origins(rows: pl.DataFrame, contract: Contract, time: str | None = None) -> Origins:
    """Return where each rule of an inferred contract comes from, in words for its comment."""
    time = time or next((name for name, rule in contract.columns.items() if rule.role == "time"), None)
    seen = look(rows, time)
    return {name: dict(reasons(seen[name], rule)) for name, rule in contract.columns.items() if name in seen}


def reasons(fact: Seen, rule: Column) -> dict[str, str]:
    rows = f"{fact.rows:,} rows"
    told = {"type": f"as read from {rows}"}
    if rule.role == "ignore":
        return told | {"role": f"no feature: {why_ignored(fact) or 'said so'}", "nulls": "not looked at"}
    empty = f"empty in {fact.empty:,} of {rows}, {percent(fact.empty / fact.rows)}"
    worst = f"{percent(fact.worst_share)} in the worst tenth of them; the rest is slack"
    slack = "; 1 in 100 is slack" if rule.nulls == SLACK else "; the rest is slack" if rule.nulls else ""
    told["nulls"] = f"{empty}, {worst}" if fact.empty else f"none empty in {rows}{slack}"
    severity = "outside is another class" if rule.range_severity == "error" else "outside only warns"
    told["min"] = f"seen in {fact.filled:,} rows: {fact.low} .. {fact.high}; {severity}"
    told["categories"] = f"all {fact.distinct} values seen in {fact.filled:,} rows"
    told["unseen"] = "another word is another class"
    told["unique"] = f"{fact.distinct:,} distinct values in {rows}"
    told["role"] = {"label": "what the model learns to say", "time": "event time"}.get(rule.role, "names a row")
    return told


def render(contract: Contract, origins: Origins, title: str = "rows") -> str:
    """Return contract.yaml: each rule with a comment that says where it comes from."""
    lines = [
        f"# What {one_line(title)} must look like: asked of every dataset before training, and of every request.",
        "# Written from the rows at hand; the rules are yours to change.",
        "columns:",
    ]
    for name, rule in contract.columns.items():
        lines += [f"  {scalar(name)}:", *rendered(rule, origins.get(name, {}))]
    if contract.min_rows != 1:
        lines.append(f"min_rows: {contract.min_rows}")
    if contract.unique:
        lines.append(f"unique: {scalar([list(group) for group in contract.unique])}  # no two rows seen have the same")
    if contract.extra_columns != "allow":
        lines.append(f"extra_columns: {contract.extra_columns}")
    return "\n".join(lines) + "\n"


def rendered(rule: Column, told: Mapping[str, str]) -> list[str]:
    """Return a column's lines: the comment beside a short rule, above a long one."""
    fields = {"type": rule.type, "nulls": rule.nulls} | msgspec.to_builtins(rule)
    lines = {field: f"    {field}: {scalar(value)}" for field, value in fields.items()}
    width = max(len(line) for line in lines.values() if len(line) <= SHORT)
    made = []
    for field, line in lines.items():
        why = f"# {one_line(told[field])}" if told.get(field) else ""
        if len(line) <= SHORT:
            made.append(f"{line:<{width}}  {why}".rstrip())
        else:
            items = [scalar(item) for item in fields[field]] if isinstance(fields[field], list | tuple) else []
            made += [f"    {why}"] if why else []
            made += [f"    {field}: [", *wrapped(items), "    ]"] if items else [line]
    return made


def wrapped(items: list[str]) -> list[str]:
    """Return a long list's items on lines of about 100 characters."""
    lines = ["      "]
    for item in items:
        if len(lines[-1]) + len(item) > LINE:
            lines.append("      ")
        lines[-1] += f"{item}, "
    return [line.rstrip() for line in lines]


def scalar(value: object) -> str:
    """Return a value as YAML on one line.

    >>> scalar("on"), scalar(["a", "no"]), scalar(0.05)
    ('"on"', '[a, "no"]', '0.05')
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(scalar, value))}]"
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) and yaml.safe_load(value) == value else quoted(value)
    return yaml.safe_dump([value], default_flow_style=True).strip()[1:-1]


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
