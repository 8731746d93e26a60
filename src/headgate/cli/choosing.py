"""Which model scores a file, and whose features is it given? Its own, by the code that trained it."""

import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from headgate.cli.exchange import take
from headgate.cli.fetch import SPEC, fetch_code
from headgate.cli.wiring import Project, open_project
from headgate.errors import PermanentError, UsageError, speaking
from headgate.models.loading import Loaded, load
from headgate.names import digest, short
from headgate.records.model import Model, code_uri
from headgate.records.scoring import Plan

LiveIn = Annotated[
    str | None, typer.Option("--environment", "-e", help="Score with what is live there.", metavar="NAME")
]
ModelFolder = Annotated[
    Path | None, typer.Option("--model", help="Score with this model package's folder.", metavar="DIR")
]
ModelDigest = Annotated[
    str | None, typer.Option("--sha256", help="With --model: what Git says the package is.", metavar="DIGEST")
]


class Chosen(NamedTuple):
    """What scores."""

    loaded: Loaded
    project: Project
    """Whose contract and features: the files that trained the model, where the store has them."""
    code: str
    """Their digest."""


def chosen(
    project: Project,
    source: Path | None,
    environment: str | None,
    folder: Path | None,
    sha256: str | None,
    *,
    threads: int = 1,
) -> Chosen:
    """Return the model that is asked for, verified, and the code that trained it."""
    if sum(each is not None for each in (source, environment, folder)) > 1:
        raise UsageError("--from, --environment and --model each name a model", next_step="give one of them")
    if (folder is None) != (sha256 is None):
        raise UsageError("--model and --sha256 go together: the package is verified before it is read")
    if folder is not None:
        return Chosen(own(project, load(folder, digest(str(sha256)), threads)), project, project.code)
    record = take(Model, source, project) if environment is None else champion(project, environment)
    loaded = own(project, load(project.store.folder(record.uri), record.sha256, threads))
    if (trained := trained_by(project, record.code)) is not None:
        return Chosen(loaded, trained, record.code)
    tell_other_code(project, record)
    return Chosen(loaded, project, project.code)


def planned(project: Project, plan: Plan, folder: Path | None, sha256: str | None, *, threads: int = 1) -> Chosen:
    """Return the model and code that a plan names: from the store, or the package in `folder`."""
    wanted = plan.model
    if sha256 is not None and digest(sha256) != wanted:
        raise PermanentError(
            f"model {short(sha256)} is not the one that this share is of",
            found=f"the partition's record names {short(wanted)}",
            next_step="score with that model; or partition anew, for this one",
        )
    where = project.store.folder(project.model_uri(wanted)) if folder is None else folder
    loaded = own(project, load(where, wanted, threads))
    if (trained := trained_by(project, plan.code)) is not None:
        return Chosen(loaded, trained, plan.code)
    return Chosen(loaded, project, project.code)


def trained_by(project: Project, code: str) -> Project | None:
    """Return the service as these files describe it, brought from the store where they are not those that are here.

    Verified as a pod's are; None: the store has them not, as of a model that was trained before it kept them.
    """
    if code == project.code:
        return project
    service = project.spec.service
    if not project.store.has(code_uri(service, code)):
        return None
    folder = project.workspace.cache / "code" / code
    with speaking(f"write to {str(folder)!r}"):
        fetch_code(project.store, service, digest(code), folder)
    print(
        f"contract and features are those that trained the model, code {short(code)} of the store; here is code "
        f"{short(project.code)}",
        file=sys.stderr,
    )
    return open_project(folder / SPEC, project.workspace.root, project.clock)


def tell_other_code(project: Project, record: Model) -> None:
    """Say on stderr that other code than the model's own computes its features: the server's come from its own."""
    step = f"check out {record.commit}, with the Headgate of then" if record.commit else "use the files that trained it"
    print(
        f"model {short(record.sha256)} was trained by code {short(record.code)}, and its features are made here by "
        f"code {short(project.code)}: numbers may be others than the server's\n  next: {step}",
        file=sys.stderr,
    )


def own(project: Project, loaded: Loaded) -> Loaded:
    """Refuse a model of another service."""
    if loaded.signature.service != project.spec.service:
        raise PermanentError(
            f"the model is one of service {loaded.signature.service!r}, and {project.service_file.name} describes "
            f"{project.spec.service!r}",
            next_step="give its own service.yaml with --service",
        )
    return loaded


def champion(project: Project, environment: str) -> Model:
    standing = project.live(environment)
    if standing.champion is None:
        raise PermanentError(f"nothing is live in {standing.environment}", next_step="name a model with --from")
    return standing.champion
