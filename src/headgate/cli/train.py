"""headgate train."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.adapters.datasets import read_kept
from headgate.cli import references
from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave, take
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.errors import PermanentError
from headgate.models import package
from headgate.records.codec import encode
from headgate.records.dataset import ValidationReport
from headgate.records.model import Model, code_uri

app = typer.Typer(add_completion=False)


@app.command()
def train(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    checkout: Annotated[
        Path | None,
        typer.Option("--checkout", help="Record which commit this Git work tree has checked out.", metavar="DIR"),
    ] = None,
    source: FromFile = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Fit, convert, package and keep a model; gate rows are never opened."""
    from headgate.adapters.usercode import checked_out, gather
    from headgate.adapters.usercode import load as load_code
    from headgate.train import fit
    from headgate.train.lean import import_sklearn

    import_sklearn()
    project = open_project(service, workspace)
    report = take(ValidationReport, source, project)
    if report.outcome == "fail":
        broken = dict.fromkeys(
            f"{check.column or check.name}: {check.detail}" for check in report.checks if check.outcome == "fail"
        )
        raise PermanentError(
            f"dataset {report.dataset.sha256[:12]} failed validation, so nothing is trained on it",
            found="; ".join([*broken][:3]),
            next_step="mend the source or the contract, then collect again",
        )
    commit = checked_out(checkout) if checkout else None
    entry = project.spec.train.entrypoint
    learn, check = (read_kept(project.store, report.dataset, part) for part in ("train", "tune"))
    fitted = fit.fit(
        learn, check, project.spec, project.features, load_code(entry, project.folder) if ":" in entry else None
    )
    with project.workspace.scratch() as made:
        folder = made / "model"
        sha256 = package.write(folder, fitted.packed, fitted.signature, {})
        model = fit.record(fitted, sha256, report.dataset, code=project.code, lock=project.lock, commit=commit)
        project.store.put_folder(model.uri, folder)
    project.store.put(code_uri(model.service, model.code), encode(gather(project.service_file)))
    references.made(project, model, learn, check)
    project.keep_model(model)
    leave(model, out, output, project, summary(model, fitted.metric, fitted.tune_score, fitted.train_rows), fields)


def summary(model: Model, metric: str, score: float | None, rows: int) -> str:
    scored = f"{metric} {score:.4f} on tune rows" if score is not None else f"{metric} undefined on tune rows"
    return f"model {model.sha256[:12]}: {model.trainer} on {rows:,} rows, {scored}, parity {model.parity:.1e}"
