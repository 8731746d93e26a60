"""Which model scores a file? One way of three to name it; the latest one trained by default."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.exchange import take
from headgate.cli.wiring import Project
from headgate.errors import PermanentError, UsageError
from headgate.models.loading import Loaded, load
from headgate.names import Digest, digest, short
from headgate.records.model import Model

LiveIn = Annotated[
    str | None, typer.Option("--environment", "-e", help="Score with what is live there.", metavar="NAME")
]
ModelFolder = Annotated[
    Path | None, typer.Option("--model", help="Score with this model package's folder.", metavar="DIR")
]
ModelDigest = Annotated[
    str | None, typer.Option("--sha256", help="With --model: what Git says the package is.", metavar="DIGEST")
]


def chosen(
    project: Project,
    source: Path | None,
    environment: str | None,
    folder: Path | None,
    sha256: str | None,
    *,
    threads: int = 1,
) -> Loaded:
    """Return the model that is asked for, verified."""
    if sum(each is not None for each in (source, environment, folder)) > 1:
        raise UsageError("--from, --environment and --model each name a model", next_step="give one of them")
    if (folder is None) != (sha256 is None):
        raise UsageError("--model and --sha256 go together: the package is verified before it is read")
    if folder is not None:
        return own(project, load(folder, digest(str(sha256)), threads))
    record = take(Model, source, project) if environment is None else champion(project, environment)
    tell_other_code(project, record)
    return own(project, load(project.store.folder(record.uri), record.sha256, threads))


def planned(project: Project, wanted: Digest, folder: Path | None, sha256: str | None, *, threads: int = 1) -> Loaded:
    """Return the model that a plan names: from the store, or the package in `folder`."""
    if sha256 is not None and digest(sha256) != wanted:
        raise PermanentError(
            f"model {short(sha256)} is not the one that this share is of",
            found=f"the partition's record names {short(wanted)}",
            next_step="score with that model; or partition anew, for this one",
        )
    where = project.store.folder(project.model_uri(wanted)) if folder is None else folder
    return own(project, load(where, wanted, threads))


def tell_other_code(project: Project, record: Model) -> None:
    """Say on stderr that other code than the model's own computes its features: the server's come from its own."""
    if record.code == project.code:
        return
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
