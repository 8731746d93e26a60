"""headgate track."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave, take
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, Project, ServiceFile, WorkspaceFolder, open_project
from headgate.models.card import card
from headgate.models.package import read_signature
from headgate.names import NameField, run_name
from headgate.ports import TrackedRun
from headgate.records.codec import Record, decode, encode
from headgate.records.judgement import Evaluation, Verdict, evidence_uri

app = typer.Typer(add_completion=False)


class Tracked(Record, frozen=True, kw_only=True, tag="tracked/1"):
    """Where people find the run: the model's version in the registry."""

    service: NameField
    run: str
    version: str


@app.command()
def track(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    run: Annotated[str | None, typer.Option("--run", help="The run's name.", metavar="NAME")] = None,
    source: FromFile = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Show a judged model in the tracker: params, metrics, evidence, card, version; a second time changes nothing."""
    project = open_project(service, workspace)
    verdict = take(Verdict, source, project)
    evaluation = decode(project.store.get(evidence_uri(verdict.evaluation)), Evaluation)
    name = run_name(run or f"by-hand-{verdict.model.sha256[:12]}")
    tracked = Tracked(
        service=project.spec.service,
        run=name,
        version=project.tracker.record(tracked_run(project, verdict, evaluation, name)),
    )
    leave(
        tracked,
        out,
        output,
        project,
        f"run {name}: {tracked.service} version {tracked.version}, {verdict.outcome}",
        fields,
    )


def tracked_run(project: Project, verdict: Verdict, evaluation: Evaluation, name: str) -> TrackedRun:
    """Return what the tracker shows of one judged model."""
    model = verdict.model
    folder = project.store.folder(model.uri)
    now = datetime.now(UTC)
    return TrackedRun(
        service=project.spec.service,
        run=name,
        params={**{key: str(value) for key, value in model.params.items()}, "seed": str(model.seed)},
        metrics=metrics(evaluation),
        tags={
            "verdict": verdict.outcome,
            "policy": verdict.policy,
            "dataset": model.dataset.sha256,
            "code": model.code,
            "lock": model.lock,
        },
        documents={
            "model-card.md": card(model, read_signature(folder), verdict, evaluation, project.spec.owner),
            "verdict.json": encode(verdict).decode(),
            "evaluation.json": encode(evaluation).decode(),
        },
        model_uri=project.address(model.uri),
        model_sha256=model.sha256,
        trials=tuple(({key: str(value) for key, value in trial.params.items()}, trial.score) for trial in model.trials),
        started_at=now,
        ended_at=now,
    )


def metrics(evaluation: Evaluation) -> dict[str, float]:
    """Return every number people plot: `auc_candidate`, `auc_delta_champion`, latency."""
    found = {
        f"{measured.metric}_{measured.role}": measured.estimate.value
        for measured in evaluation.metrics
        if measured.estimate
    }
    for comparison in evaluation.comparisons:
        if comparison.delta:
            found[f"{comparison.metric}_delta_{comparison.against}"] = comparison.delta.value
    return {**found, "latency_p99_ms": evaluation.latency.p99_ms, "gate_rows": float(evaluation.rows)}
