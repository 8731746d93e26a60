"""headgate shadow."""

import os
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.exchange import OutFile, Output, OutputFormat, leave
from headgate.cli.moments import AsOf, moment
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.errors import PermanentError
from headgate.records.comparison import Bounded, ShadowReport
from headgate.second_model import pairs_of
from headgate.wording import counted

app = typer.Typer(add_completion=False)


@app.command()
def shadow(
    pairs: Annotated[
        Path | None,
        typer.Argument(
            help="Where `headgate serve --shadow-log` kept both models' answers. Default: those of the shadow that "
            "the environment's serving.yaml names."
        ),
    ] = None,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    labelled: Annotated[
        bool, typer.Option("--labelled", help="Also read the labels that have matured: the metrics of both models.")
    ] = False,
    alpha: Annotated[float, typer.Option("--alpha", min=0.0001, max=0.5, help="Intervals hold 1 - alpha.")] = 0.05,
    as_of: AsOf = None,
    out: OutFile = None,
    output: OutputFormat = Output.text,
) -> None:
    """Compare what a shadow would have answered with what was answered, in pairs."""
    from headgate.cli.maturing import matured
    from headgate.serve.shadow.pairs import read_pairs
    from headgate.serve.shadow.report import report

    project = open_project(service, workspace)
    head, rows = read_pairs(pairs or named(project, environment))
    if head.service != project.spec.service:
        raise PermanentError(
            f"the pairs are of service {head.service!r}, and {service.name} describes {project.spec.service!r}",
            next_step="give --service the file of that service",
        )
    labels = matured(project, rows["time"], moment(as_of) or project.clock()) if labelled else None
    found = report(head, rows, project.spec, labels, alpha)
    leave(found, out, output, project, summary(found))


def named(project: Project, environment: str | None) -> Path:
    """Return where the pairs are of the champion and the shadow that main names: those in the bucket as well."""
    standing, service = project.live(environment), project.spec.service
    version = standing.desired.version(standing.environment, service)
    shadow = standing.desired.serving(standing.environment, service).shadow
    if version is None or shadow is None:
        raise PermanentError(
            f"serving.yaml of {service!r} in {standing.environment!r} names no shadow of a champion",
            next_step="name the folder of pairs: headgate shadow PAIRS",
        )
    within = pairs_of(version.model.sha256, shadow.sha256)
    folder = project.predictions(standing.environment) / within
    if os.environ.get("HEADGATE_STORE"):
        from headgate.adapters.answers import bring_pairs, place

        bring_pairs(project.store, f"{place(standing.environment, service)}/{within}", folder)
    return folder


def summary(found: ShadowReport) -> str:
    """Return the report as a person reads it."""
    sizes = f"{counted(found.rows, 'row')}, {counted(found.clusters, 'independent cluster')}"
    lines = [f"{found.shadow[:12]} beside {found.champion[:12]}: {sizes}"]
    lines += [f"  {one.name:<12} shadow - champion {shown(one)}" for one in found.differences]
    if found.changed:
        lines.append(f"  {'decisions':<12} changed {shown(found.changed, percent=True)}")
    lines += [
        f"  {side.metric:<12} {side.champion:.4f} -> {side.shadow:.4f}, {shown(side.difference)}"
        for side in found.metrics
    ]
    labelled = f"of {found.labelled:,} labelled rows" if found.labelled else "no labels were read: --labelled"
    lines.append(f"  intervals hold {1 - found.alpha:.0%} at this one look; {labelled}")
    return "\n".join(lines)


def shown(one: Bounded, *, percent: bool = False) -> str:
    """Return a number with its interval."""
    if percent:
        return f"{one.value:.1%} [{max(0.0, one.low):.1%}, {min(1.0, one.high):.1%}]"
    return f"{one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"
