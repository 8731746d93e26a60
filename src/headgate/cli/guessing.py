"""What may a stranger's rows be? Task, time, ids, clusters and columns that teach nothing, each with its reason."""

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec
import polars as pl

from headgate.adapters.source import parse_times
from headgate.contract.infer import FEW_LABELS, ID_NAME, guess_ids, why_ignored
from headgate.contract.seen import Seen, look
from headgate.contract.times import as_naive_utc, naive
from headgate.errors import PermanentError
from headgate.features import MOST_CLASSES
from headgate.names import did_you_mean
from headgate.specs.service import Task

TIME_NAME = re.compile(r"time|date|stamp|_at$|^at$|^ts$|day|moment", re.IGNORECASE)
LEAST_ROWS = 30
LEAST_MOMENTS = 10
"""Fewer cannot be cut into parts that lie one after the other."""
ROWS_A_VALUE = 5
"""Fewer rows than this of each value on average, and they are measurements, not classes."""
LEAST_GROUPS = 30
"""Fewer values of a column make too few clusters to know an error from."""
ROWS_A_GROUP = 50
"""A column with more rows of each value than this says what a row is like, not whose it is."""
IN_STEP = 0.9
"""Rank correlation with the event time beyond which a moment never comes again."""
BIRTH = ("birth", "dob", "born")
"""Moments that are told long before the event."""


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows seem to be; `why` says for each setting where it comes from."""

    task: Task
    time: str | None
    ids: tuple[str, ...]
    cluster: str | None
    ignored: Mapping[str, str]
    """Column → why it is no feature."""
    why: Mapping[str, str]


def guess(rows: pl.DataFrame, label: str, time: str | None, now: datetime, *, timeless: bool = False) -> Guess:
    """Return what the rows seem to be; PermanentError where nothing can be learned from them.

    `time` is the event time where it is known; `timeless` says that none of the columns cuts the rows well.
    """
    refuse_unknown(rows, label, time)
    if rows.height < LEAST_ROWS:
        raise PermanentError(
            f"{rows.height} rows are too few to learn from, to tune on and to judge by",
            next_step="bring 150 or more; the gate takes a fifth of them",
        )
    seen = look(rows)
    task, why_task = task_of(rows, label, seen)
    found, why_time = time, "as --time says"
    if found is None:
        found, why_time = (None, "no column cuts the rows") if timeless else time_of(rows, seen, label, now)
    own = {name: why for name in rows.columns if name not in {label, found} and (why := why_index(rows[name], name))}
    ids = () if own else guess_ids(rows, seen, label, found)
    taken = {label, found, *ids, *own}
    cluster, why_cluster = group_of({name: fact for name, fact in seen.items() if name not in taken})
    if cluster is None and found is not None:
        cluster, why_cluster = "day", "rows of one day are dependent: every interval is clustered by it"
    ignored = own | no_features(rows, seen, {*taken, cluster}, found)
    if not set(rows.columns) - {*taken, cluster, *ignored}:
        raise PermanentError(
            f"no column is left to tell {label!r} from",
            found="; ".join(f"{name!r}: {why}" for name, why in ignored.items()) or ", ".join(rows.columns[:40]),
            next_step="bring columns that are known before the label is",
        )
    reasons = {"task": why_task, "time": why_time, "cluster": why_cluster}
    return Guess(task=task, time=found, ids=ids, cluster=cluster, ignored=ignored, why=reasons)


def refuse_unknown(rows: pl.DataFrame, label: str, time: str | None) -> None:
    for name in filter(None, [label, time]):
        if name not in rows.columns:
            raise PermanentError(
                f"the file has no column {name!r}.{did_you_mean(name, rows.columns)}",
                found=", ".join(rows.columns[:40]),
            )
    if label == time:
        raise PermanentError(f"column {label!r} cannot be both the label and the event time")


def task_of(rows: pl.DataFrame, label: str, seen: Mapping[str, Seen]) -> tuple[Task, str]:
    """Return the task that a label asks for, and why."""
    fact, kind = seen.get(label), rows.schema[label]
    if fact is None or fact.kind in {"datetime", "date"}:
        raise PermanentError(
            f"label {label!r} is {str(kind).lower()}; expected a number, a word or a yes/no",
            next_step="name another column with --label, or make a number of it in the file",
        )
    if fact.distinct < 2:
        said = f"one value only, {rows[label].drop_nulls()[0]!r}," if fact.distinct else "no value"
        raise PermanentError(
            f"label {label!r} has {said} in {fact.rows:,} rows: there is nothing to learn",
            next_step="bring rows of every class, or name another column with --label",
        )
    if count := infinite(rows, label):
        raise PermanentError(
            f"label {label!r} is infinite in {count:,} of {fact.rows:,} rows",
            next_step="mend them at the source, or leave them empty: a label that never came",
        )
    values = f"{label!r} has {fact.distinct:,} values in {fact.filled:,} rows"
    whole = fact.kind == "integer" or (fact.kind == "number" and is_whole(rows[label]))
    if fact.distinct == 2 and (fact.kind != "number" or whole):
        return "binary", f"{values}; another one would be another class"
    if fact.kind == "string":
        if fact.distinct > min(MOST_CLASSES, fact.filled / 2):
            raise PermanentError(
                f"label {values}, all texts: those are names, not classes",
                found=", ".join(repr(text) for text in rows[label].drop_nulls().head(5)),
                next_step="name another column with --label; a number must be written as one, without units",
            )
        return "multiclass", f"{values}, all words"
    if whole and fact.distinct <= min(FEW_LABELS, fact.filled / ROWS_A_VALUE):
        return "multiclass", f"{values}, all whole numbers; for amounts or counts write `regression`"
    return "regression", f"{values}, all numbers" + ("; for classes write `multiclass`" if whole else "")


def is_whole(values: pl.Series) -> bool:
    known = values.cast(pl.Float64).fill_nan(None).drop_nulls()
    return bool((known == known.floor()).all())


def time_of(rows: pl.DataFrame, seen: Mapping[str, Seen], label: str, now: datetime) -> tuple[str | None, str]:
    """Return the event time among the columns: complete, past, named like one or telling most rows apart."""
    late = naive(now)
    found: dict[str, int] = {}
    for name, fact in seen.items():
        if name == label or fact.empty or fact.distinct < LEAST_MOMENTS or any(word in name.lower() for word in BIRTH):
            continue
        times = moments(rows[name], fact) if TIME_NAME.search(name) or 2 * fact.distinct > fact.rows else None
        if times is not None and times.max() <= late:  # type: ignore[operator]
            found[name] = fact.distinct
    if not found:
        return None, "no column is a time, complete and past"
    name = max(found, key=found.__getitem__)
    why = f"a guess, {found[name]:,} moments in {rows.height:,} rows; without it, cluster and split: drawn by hash"
    return name, why


def moments(values: pl.Series, fact: Seen) -> pl.Series | None:
    """Return a column as naive UTC where it is one of moments, texts that read as such included."""
    times = parse_times(values) if fact.kind == "string" and values.dtype == pl.String else values
    return as_naive_utc(times) if times is not None and times.dtype.base_type() in {pl.Datetime, pl.Date} else None


def why_index(values: pl.Series, name: str) -> str | None:
    """Return why a column is the row number that a spreadsheet or a data frame left behind, None when it is not."""
    unnamed = not name.strip() or name.startswith("Unnamed") or name == "__index_level_0__"
    return "a row number without a name" if unnamed and values.n_unique() == len(values) else None


def group_of(seen: Mapping[str, Seen]) -> tuple[str | None, str]:
    """Return the column that says whose a row is, where several rows are one's."""
    for name, fact in seen.items():
        named = ID_NAME.search(name) and fact.kind in {"integer", "string"} and not fact.empty
        if named and LEAST_GROUPS <= fact.distinct < fact.rows and fact.distinct * ROWS_A_GROUP >= fact.rows:
            each = fact.rows / fact.distinct
            return name, f"{each:.3g} rows each on average: rows of one are dependent, and are kept together"
    return None, "every row is taken as independent of the others"


def infinite(rows: pl.DataFrame, name: str) -> int:
    """Return how many values of a column are infinite."""
    return int(rows[name].is_infinite().sum()) if rows[name].dtype.is_float() else 0


def no_features(
    rows: pl.DataFrame, seen: Mapping[str, Seen], taken: set[str | None], time: str | None
) -> dict[str, str]:
    """Return the columns that are no features, each with its reason."""
    left = [name for name in rows.columns if name not in taken]
    return {name: why for name in left if (why := why_none(rows, seen.get(name), name, time))}


def why_none(rows: pl.DataFrame, fact: Seen | None, name: str, time: str | None) -> str | None:
    if fact is None:
        return f"{str(rows[name].dtype).lower()}: a contract has no word for it"
    if why := why_ignored(fact):
        return why
    if count := infinite(rows, name):
        return f"infinite in {count:,} of {fact.rows:,} rows: mend them at the source, then delete this line"
    if time is not None and fact.kind in {"datetime", "date"} and in_step(rows, name, time):
        return f"it moves with {time!r}, and later rows have moments never seen"
    return None


def in_step(rows: pl.DataFrame, name: str, time: str) -> bool:
    ranks = rows.select(pl.corr(pl.col(name).rank(), pl.col(time).rank())).item()
    return ranks is not None and abs(ranks) > IN_STEP
