"""headgate experiment."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.exchange import OutFile, Output, OutputFormat, leave
from headgate.cli.moments import AsOf, moment
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.names import name as as_name
from headgate.records.comparison import ExperimentReport

app = typer.Typer(add_completion=False)


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="As `headgate serve --experiment` has it.", metavar="NAME")],
    log_dir: Annotated[
        Path | None, typer.Option("--log-dir", help="The prediction log. Default: the environment's.")
    ] = None,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="A row's outcome: accuracy, brier, log_loss, mae, or label itself.")
    ] = None,
    effect: Annotated[float, typer.Option("--effect", help="The difference worth finding, in its unit.")] = 0.01,
    alpha: Annotated[float, typer.Option("--alpha", min=0.0001, max=0.5, help="Of ever being wrong.")] = 0.05,
    as_of: AsOf = None,
    out: OutFile = None,
    output: OutputFormat = Output.text,
) -> None:
    """Say which arm of an experiment is better, at every look at once."""
    from headgate.cli.maturing import matured
    from headgate.serve.experiment.report import read_arms, report

    project = open_project(service, workspace)
    folder = log_dir or project.answers(environment or project.live(None).environment, None)
    arms = read_arms(folder, name)
    labels = matured(project, arms.rows["time"], moment(as_of) or project.clock())
    chosen = metric or ("mae" if project.spec.task == "regression" else "brier")
    found = report(arms, labels, project.spec, as_name(name, "experiment"), metric=chosen, effect=effect, alpha=alpha)
    leave(found, out, output, project, summary(found))


def summary(found: ExperimentReport) -> str:
    """Return the report as a person reads it."""
    lines = [f"{found.experiment}: {found.outcome.upper().replace('_', ' ')}, {found.reason}"]
    for arm in found.arms:
        mean = "no label yet" if arm.mean is None else f"mean {arm.mean:+.4f}"
        lines.append(
            f"  {arm.name:<10} {arm.model[:12]}  {arm.keys:,} of `{found.key}`, {arm.rows:,} rows, "
            f"{arm.labelled:,} labelled, {mean}"
        )
    if one := found.difference:
        lines.append(f"  {found.metric}: {one.name} {one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}]")
    lines.append(f"  more is better; bounds hold {1 - found.alpha:.0%} over all looks together; errors by key")
    return "\n".join(lines)
