"""headgate check."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import numpy as np
import polars as pl
import typer

from headgate import features
from headgate.canary import asked
from headgate.cli.exchange import say
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, Project, ServiceFile, WorkspaceFolder, open_project
from headgate.collect import cut
from headgate.contract.rules import check as broken_rules
from headgate.errors import HeadgateError, PermanentError
from headgate.gate import packs
from headgate.gate.judge import refuse_foreign_metrics
from headgate.models.loading import Loaded
from headgate.stats.metrics import METRICS, known

app = typer.Typer(add_completion=False)
T = TypeVar("T")
ROWS = 100
SKEW = 1e-4
"""An answer through the door may differ by float32 rounding, as a share of the answers' size."""


@dataclass
class Trial:
    """What the steps hand on to one another."""

    project: Project
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    few: pl.DataFrame = field(default_factory=pl.DataFrame)
    loaded: Loaded | None = None


@app.command()
def check(service: ServiceFile = DEFAULT_SERVICE_FILE, workspace: WorkspaceFolder = None) -> None:
    """Try specs, rows, features, policy, training, conversion and a request on 100 rows, before any long run."""
    project = attempt("service.yaml", lambda: open_project(service, workspace))
    say(f"ok    service.yaml  {project.spec.service}: {project.spec.task}, label {project.spec.data.label.column!r}")
    trial = Trial(project)
    for name, step in STEPS.items():
        say(f"ok    {name:<12}  {attempt(name, partial(step, trial))}")
    say("next: headgate run")


def attempt(name: str, step: Callable[[], T]) -> T:
    """Return what a step says, or say that it failed."""
    try:
        return step()
    except HeadgateError:
        say(f"FAIL  {name}")
        raise


def contract(trial: Trial) -> str:
    """Check contract.yaml, and that it has what service.yaml names."""
    from headgate.serve.door.admission import Door

    door = Door(trial.project.contract, trial.project.spec)
    return f"{len(trial.project.contract.columns)} columns; a request carries {len(door.types)} inputs"


def reader(trial: Trial) -> str:
    """Read the rows; keep about 100 of them."""
    from headgate.train.fit import some

    spec = trial.project.spec
    trial.rows = trial.project.read_rows(None, datetime.now(UTC))
    parts = cut(trial.rows, spec)
    trial.few = some(trial.rows, spec, ROWS)
    sizes = ", ".join(f"{name} {part.height:,}" for name, part in parts.items())
    return f"{trial.rows.height:,} rows from {spec.data.reader}: {sizes}"


def data(trial: Trial) -> str:
    """Hold the rows to the contract."""
    checks = broken_rules(trial.rows, trial.project.contract, "rows")
    failed = [f"{one.column or one.name}: {one.detail}" for one in checks if one.outcome == "fail"]
    if failed:
        raise PermanentError(
            f"the rows break {len(failed)} of {len(checks)} rules of {trial.project.spec.contract}",
            found="; ".join(failed[:5]),
            next_step="mend the source, or change the rule: a run would stop at validate",
        )
    warned = sum(one.outcome == "warn" for one in checks)
    return f"{len(checks)} rules kept" + (f", {warned} of them with a warning" if warned else "")


def feature(trial: Trial) -> str:
    """Compute the features of about 100 rows."""
    spec = trial.project.spec
    made = features.compute(trial.few, spec, trial.project.features)
    return f"{made.width} columns by {spec.data.features or 'every column that can be one'}"


def policy(trial: Trial) -> str:
    """Check the rules, the metrics and the slices."""
    from headgate.evaluate.predict import sliced

    spec = trial.project.spec
    for metric in spec.evaluate.metrics:
        if spec.task not in known(metric).tasks:
            fitting = ", ".join(one.name for one in METRICS.values() if spec.task in one.tasks)
            raise PermanentError(
                f"evaluate.metrics names {metric!r}, which a {spec.task} task has not", found=f"it has: {fitting}"
            )
    refuse_foreign_metrics(spec)
    asked(spec.canary)
    pack = packs.load(spec.gate, spec.metrics[0])
    sliced(trial.few, features.compute(trial.few, spec, trial.project.features), spec)
    own = f", {len(spec.gate.rules)} of them the service's own" if spec.gate.rules else ""
    return f"{pack.pack}: {len(pack.rules)} rules{own}"


def train(trial: Trial) -> str:
    """Train on about 100 rows, without a search, and convert."""
    from headgate.adapters.usercode import load
    from headgate.train.fit import trial_of, try_fit

    project, entry = trial.project, trial.project.spec.train.entrypoint
    fitted = try_fit(trial.few, project.spec, project.features, load(entry, project.folder) if ":" in entry else None)
    trial.loaded = trial_of(fitted.packed, fitted.signature)
    differ = f"its answers differ by {fitted.parity:.0e} at most"
    return f"{entry} on {trial.few.height} rows; kept as {fitted.packed.format}, {differ}"


def request(trial: Trial) -> str:
    """Send the rows through the server's door as one request, and compare the answers with the model's own."""
    import msgspec

    from headgate.local.traffic import body
    from headgate.serve.door.admission import Door
    from headgate.serve.protocols.v2 import Request
    from headgate.serve.refusal import RefusalError

    project, few, loaded = trial.project, trial.few, trial.loaded
    if loaded is None:
        raise PermanentError("there is no model to ask")
    door = Door(project.contract, project.spec)
    try:
        asked = msgspec.json.decode(body(few, door.datatypes), type=Request)
        came = door.frame(door.admit(asked))
    except (RefusalError, msgspec.ValidationError) as err:
        raise PermanentError(
            f"the server's door refuses a row of the source: {err}",
            next_step=f"change the rule in {project.spec.contract}",
        ) from err
    direct, served = (loaded.predict(features.compute(each, project.spec, project.features)) for each in (few, came))
    if not np.allclose(direct, served, rtol=SKEW, atol=SKEW):
        at = int(np.argmax(np.abs(direct - served).reshape(few.height, -1).max(axis=1)))
        raise PermanentError(
            "a row gives one answer in training and another when it is served",
            found=f"{np.round(direct[at], 4).tolist()} and {np.round(served[at], 4).tolist()} for {few.row(at)!r}"[
                :300
            ],
            next_step="make features depend on the contract's inputs alone, with the types it names",
        )
    return f"{few.height} rows of {len(door.datatypes)} inputs in; the answers are those of training"


STEPS: dict[str, Callable[[Trial], str]] = {
    "contract": contract,
    "reader": reader,
    "data": data,
    "features": feature,
    "policy": policy,
    "train": train,
    "request": request,
}
