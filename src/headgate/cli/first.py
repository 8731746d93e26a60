"""The first service.yaml and contract.yaml of somebody's own data: settings that run as they are, each with its why."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl
from msgspec.structs import replace

from headgate import features
from headgate.adapters.source import read
from headgate.cli import sizing
from headgate.cli.exchange import write
from headgate.cli.guessing import Guess, guess
from headgate.collect import cut
from headgate.contract import infer
from headgate.contract.infer import scalar
from headgate.contract.split import fitting_split
from headgate.errors import PermanentError
from headgate.names import Name, did_you_mean, name
from headgate.specs.contract import Contract
from headgate.specs.drift import Drift
from headgate.specs.gate import AnyRule, Gate
from headgate.specs.reading import parse, show_duration
from headgate.specs.service import Data, Label, Service, Split
from headgate.wording import one_line

WIDTH = 44


class Begun(NamedTuple):
    """Rows, what they seem to be, and the settings for them."""

    rows: pl.DataFrame
    found: Guess
    spec: Service


def write_service(service: Path, data: Path, label: str, time: str | None) -> None:
    """Write service.yaml and contract.yaml for a data file, unless the same texts are there already."""
    path = service.resolve()
    rows, found, spec = begin(data, path.parent, label, time)
    suspect = sizing.strongest(rows, spec)
    chosen = sizing.rules(cut(rows, spec)["gate"], spec, suspect)
    spec = replace(spec, gate=Gate(rules=tuple(rule for rule, _ in chosen)))
    whys = [*(why for _, why in chosen), *filter(None, [sizing.accused(suspect)])]
    contract = contract_of(rows, found, spec)
    told = infer.origins(rows, contract, found.time)
    told = {**told, **{one: {**told.get(one, {}), "role": f"no feature: {why}"} for one, why in found.ignored.items()}}
    text = render(spec, found, whys, data, rows)
    parse(text, Service, service.name)
    keep({path.parent / spec.contract: infer.render(contract, told, spec.service), path: text})
    print(f"{service.name}: {spec.task}, {rows.height:,} rows of {data.name}, label {label!r}")
    if spec.data.time and not time:
        print(f"  event time {scalar(spec.data.time)} is {found.why['time']}")
    for why in whys:
        print(f"  {one_line(why)}")
    print(f"{spec.contract}: {len(contract.columns)} columns, inferred from {rows.height:,} rows of {data.name}")


def begin(data: Path, folder: Path, label: str, time: str | None) -> Begun:
    """Read the rows and settle on a time that cuts them, or on none."""
    if not data.exists():
        near = did_you_mean(data.name, (path.name for path in data.parent.iterdir())) if data.parent.is_dir() else ""
        raise PermanentError(f"no file {str(data)!r}.{near}", next_step="give --data a CSV or Parquet file")
    file, now = str(data.resolve()), datetime.now(UTC)
    rows = read(file, folder, time=time, now=now)
    found = guess(rows, label, time, now)
    if found.time is None:
        return Begun(rows, found, draft(rows, found, reader_of(data, folder), label))
    try:
        timed = rows if time else read(file, folder, time=found.time, now=now)
        return Begun(timed, found, draft(timed, found, reader_of(data, folder), label))
    except PermanentError as err:
        if time:
            raise PermanentError(
                f"the rows cannot be cut by event time {time!r}: {err.message}",
                next_step="leave --time out: rows are then drawn by hash",
            ) from err
    found = guess(rows, label, None, now, timeless=True)
    return Begun(rows, found, draft(rows, found, reader_of(data, folder), label))


def keep(texts: dict[Path, str]) -> None:
    """Write the files, service.yaml last; what somebody has written is never replaced."""
    for path, text in texts.items():
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise PermanentError(
                f"{path.name} is there already, and says something else",
                next_step=f"delete {str(path)!r} to have it written anew, or leave --data to keep it",
            )
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text.encode())


def reader_of(data: Path, folder: Path) -> str:
    """Return the data file as service.yaml names it: relative where it lies below."""
    path = data.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def service_name(data: Path) -> Name:
    """Return a Name made of a file's.

    >>> service_name(Path("data/2024 Früh_Daten (2).csv.gz"))
    'fruh-daten-2'
    """
    stem = data.name.removesuffix(".gz").rsplit(".", 1)[0] if "." in data.name.lstrip(".") else data.name
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).lstrip("-0123456789")[:40].strip("-")
    return name(words or "service")


def draft(rows: pl.DataFrame, found: Guess, reader: str, label: str) -> Service:
    """Return the settings that fit the rows, its gate still without rules of its own."""
    spec = Service(
        service=service_name(Path(reader)),
        task=found.task,
        data=Data(
            reader=reader,
            time=found.time,
            id=found.ids,
            cluster=found.cluster,
            label=Label(column=label),
            roles=dict.fromkeys(found.ignored, "ignore"),
        ),
        split=fitting_split(rows, found.time) if found.time else Split(),
        drift=Drift(window=sizing.drift_window(rows, found.time)) if found.time else Drift(),
    )
    if found.task == "binary":
        spec = with_positive(spec, features.classes(rows, spec)[-1], rows[label].dtype)
    gate = cut(rows, spec)["gate"]
    if found.cluster == "day" and sizing.clusters(gate, spec) < sizing.LEAST_CLUSTERS:
        spec = replace(spec, data=replace(spec.data, cluster=None))
    return spec


def with_positive(spec: Service, text: str, kind: pl.DataType) -> Service:
    value = text == "true" if kind == pl.Boolean else int(text) if kind.is_integer() else text
    return replace(spec, data=replace(spec.data, label=replace(spec.data.label, positive=value)))


def contract_of(rows: pl.DataFrame, found: Guess, spec: Service) -> Contract:
    """Return the inferred contract with the roles of service.yaml; a regression's label is a number, not a class."""
    made = infer.infer(rows, spec.data.label.column, found.time, found.ids)
    columns = dict(made.columns)
    for one in found.ignored:
        if one in columns:
            columns[one] = replace(
                columns[one],
                role="ignore",
                required=False,
                nulls=1.0,
                min=None,
                max=None,
                categories=None,
                unique=False,
            )
    if spec.task == "regression":
        columns[spec.data.label.column] = replace(columns[spec.data.label.column], range_severity="warning")
    return replace(made, columns=columns)


def render(spec: Service, found: Guess, whys: list[str], data: Path, rows: pl.DataFrame) -> str:
    """Return service.yaml: each setting with the reason for it."""
    label = spec.data.label.column
    told = f"# Predicts {scalar(label)} from {one_line(data.name)}: written by `headgate init --data`, yours to change."
    return "\n".join([told, *lines(spec, found, rows), *rules(spec, whys)]) + "\n"


def lines(spec: Service, found: Guess, rows: pl.DataFrame) -> Iterator[str]:
    data, why = spec.data, found.why
    yield told(f"service: {spec.service}", "the file's name; other names: lower-case letters, digits, '-'")
    yield told(f"task: {spec.task}", why["task"])
    yield "data:"
    yield told(f"  reader: {scalar(data.reader)}", 'beside this file; your own code: "module:function"')
    if data.time:
        yield told(f"  time: {scalar(data.time)}", f"event time: {why['time']}")
    else:
        yield f"  # time: COLUMN  # {why['time']}; without it rows are drawn by hash, 20 of 100 for the gate"
    if data.id:
        yield told(f"  id: {scalar(list(data.id))}", f"another value in each of {rows.height:,} rows")
    if data.cluster:
        yield told(f"  cluster: {scalar(data.cluster)}", why["cluster"])
    else:
        few = f"{data.time!r} has fewer than {sizing.LEAST_CLUSTERS} days for the gate: " if data.time else ""
        yield f"  # cluster: COLUMN  # {few}rows of one customer or device are dependent; without it each stands alone"
    yield "  label:"
    yield told(f"    column: {scalar(data.label.column)}", "what the model learns to say")
    if data.label.positive is not None:
        yield told(f"    positive: {scalar(data.label.positive)}", "the model gives the probability of this one")
    if data.time:
        yield told("    # matures_after: P1D", "how long after the event the answer is known")
    if data.roles:
        yield "  roles:"
        yield from (told(f"    {scalar(one)}: ignore", found.ignored[one]) for one in data.roles)
    yield "contract: contract.yaml"
    if data.time:
        split = spec.split
        parts = ", ".join(f"{part}: {show_duration(getattr(split, part))}" for part in ("train", "tune", "gap", "gate"))
        yield told(f"split: {{{parts}}}", "about 70, 10 and 20 of 100 rows, the latest for the gate")
    if spec.drift != Drift():
        yield told(
            f"drift: {{window: {show_duration(spec.drift.window)}}}", f"holds {spec.drift.min_rows} rows or more"
        )
    yield told("train: {entrypoint: boosting}", f"or {'linear' if spec.task == 'regression' else 'logistic'}, or yours")
    yield f"evaluate: {{metrics: [{', '.join(spec.metrics)}]}}"
    yield "gate:"
    yield told("  policy: balanced", "or permissive, strict: the rules are in the docs")


def rules(spec: Service, whys: list[str]) -> Iterator[str]:
    """Yield the gate's own rules, each under its reason; a reason without a rule is for a person to decide."""
    if spec.gate.rules:
        yield "  rules:"
    for rule, why in zip(spec.gate.rules, whys, strict=False):
        yield f"    # {one_line(why)}"
        yield f"    - {{{', '.join(f'{field}: {scalar(value)}' for field, value in settings(rule, spec).items())}}}"
    for why in whys[len(spec.gate.rules) :]:
        yield f"  # {one_line(why)}."
        yield "  # Not known before the label is? Give it the role ignore above. Known? Then let the rule only warn:"
        yield (
            "  # rules: [{rule: leak, severity: warning}]"
            if not spec.gate.rules
            else "    # - {rule: leak, severity: warning}"
        )


def settings(rule: AnyRule, spec: Service) -> dict[str, object]:
    said: dict[str, object] = msgspec.to_builtins(rule)
    if spec.data.cluster is None:
        said.pop("clusters", None)
    return said


def told(line: str, why: str) -> str:
    return f"{line:<{WIDTH}}  # {one_line(why)}" if why else line
