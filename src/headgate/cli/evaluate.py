"""headgate evaluate."""

import io
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import numpy as np
import polars as pl
import typer

from headgate import features
from headgate.adapters import looks
from headgate.adapters.datasets import read_kept
from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave, take
from headgate.cli.standing import Standing
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.errors import PermanentError
from headgate.evaluate.latency import measure_latency
from headgate.evaluate.leaks import single_feature_leaks
from headgate.evaluate.measure import measure
from headgate.evaluate.overlap import overlap_rows
from headgate.evaluate.predict import facts, predict, role_columns, trivial
from headgate.models.loading import Loaded, load
from headgate.names import DigestField, Uri
from headgate.records.codec import Record, decode, digest, digest_of, encode
from headgate.records.judgement import Evaluation, Latency, Leak, Role, evidence_uri
from headgate.records.model import Model

app = typer.Typer(add_completion=False)


class Timed(Record, frozen=True, kw_only=True, tag="latency/1"):
    """What was measured of one packaged model, once; measured anew it is a document of its own."""

    model: DigestField
    latency: Latency


FEW_ROWS = 1000
"""With fewer gate rows an honest feature is easily perfect by chance: the learned rows are asked too."""


@app.command()
def evaluate(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    time_again: Annotated[
        bool, typer.Option("--time-again", help="Measure latency anew: an earlier time the machine was busy.")
    ] = False,
    source: FromFile = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Measure candidate, champion and anchor on the same gate rows, and keep the evidence."""
    project = open_project(service, workspace)
    model = take(Model, source, project)
    evaluation = measured(project, model, project.live(environment), time_again=time_again)
    project.store.put(evidence_uri(digest(evaluation)), encode(evaluation))
    leave(evaluation, out, output, project, summary(evaluation), fields)


def measured(project: Project, model: Model, standing: Standing, *, time_again: bool = False) -> Evaluation:
    """Return everything the gate rows say about the model, beside the champion and the anchor."""
    spec, dataset = project.spec, model.dataset
    gate_rows = read_kept(project.store, dataset, "gate")
    learned = [read_kept(project.store, dataset, part) for part in ("train", "tune")]
    loaded = loaded_roles(project, {"candidate": model, "champion": standing.champion, "anchor": standing.anchor})
    classes = loaded["candidate"].signature.classes
    baseline = trivial(features.labels(learned[0], spec, classes), spec.task, classes)
    frame = predict(gate_rows, spec, project.features, loaded, baseline)
    content = parquet(frame)
    sha256 = digest_of(content)
    uri = Uri(f"evidence/predictions/{sha256}.parquet")
    project.store.put(uri, content)
    made = features.compute(gate_rows, spec, project.features)
    one = made.slice(0, 1)
    return measure(
        frame,
        spec,
        model=model,
        champion=standing.champion,
        anchor=standing.anchor,
        latency=latency(
            project,
            model,
            lambda: loaded["candidate"].predict(one),
            again=time_again,
            is_remote=loaded["candidate"].is_remote,
        ),
        leaks=leaks(project, gate_rows, learned, classes, baseline),
        overlap_rows=overlap_rows(frame["id"], [features.ids(rows, spec) for rows in learned]),
        look=looks.number(project.store, model),
        predictions_uri=uri,
        predictions_sha256=sha256,
    )


def latency(
    project: Project, model: Model, predict_one: Callable[[], object], *, again: bool = False, is_remote: bool = False
) -> Latency:
    """Return how quick the model is, as it was measured last: an evaluation made again is the same evaluation.

    In CPU time, all threads: a busy neighbour is no fault of the model's. What clients wait is the canary's question.
    A model that another process answers for takes none here: what is waited for it counts.
    """
    store, folder = project.store, f"latencies/{project.spec.service}/{model.sha256}/"
    kept = store.uris(folder)
    if again or not kept:
        clock = time.perf_counter_ns if is_remote else time.process_time_ns
        timed = Timed(model=model.sha256, latency=measure_latency(predict_one, clock))
        with suppress(PermanentError):  # another process was quicker
            store.put(Uri(f"{folder}{len(kept) + 1:04}.json"), encode(timed))
    last = store.uris(folder)[-1]
    return decode(store.get(last), Timed, last).latency


def leaks(
    project: Project,
    gate_rows: pl.DataFrame,
    learned: list[pl.DataFrame],
    classes: Sequence[str],
    baseline: tuple[float, ...],
) -> tuple[Leak, ...]:
    """Return the strongest single features of the gate rows, or of all rows where these are few."""
    spec = project.spec
    rows = gate_rows if gate_rows.height >= FEW_ROWS else pl.concat([*learned, gate_rows])
    guessed = role_columns("candidate", np.tile(baseline, (rows.height, 1)), classes, classes, spec)
    frame = pl.DataFrame([*facts(rows, spec, classes), *guessed])
    return single_feature_leaks(features.compute(rows, spec, project.features), frame, spec)


def loaded_roles(project: Project, models: dict[Role, Model | None]) -> dict[Role, Loaded]:
    """Return each role's model, verified; two roles of one model share it."""
    known = {model.sha256: model for model in models.values() if model}
    opened = {sha256: load(project.store.folder(model.uri), sha256) for sha256, model in known.items()}
    return {role: opened[model.sha256] for role, model in models.items() if model}


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def summary(evaluation: Evaluation) -> str:
    groups = f"{evaluation.clusters:,} {evaluation.clustered_by or 'row'}s"
    judged = f"{evaluation.rows:,} gate rows in {groups}, look {evaluation.look}"
    lines = [f"evaluation of {evaluation.model.sha256[:12]}: {judged}"]
    for measured_one in evaluation.metrics:
        value = f"{measured_one.estimate.value:.4f}" if measured_one.estimate else measured_one.reason
        lines.append(f"  {measured_one.role:<10} {measured_one.metric:<9} {value}")
    return "\n".join(lines)
