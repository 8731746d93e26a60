"""The only composition root: which adapters stand behind the ports, and what every command starts from."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headgate import lint
from headgate.adapters.files import FileStore
from headgate.adapters.forges.gitdir import GitDir
from headgate.cli.standing import Standing, standing
from headgate.cli.workspace import Workspace
from headgate.desired import file_path
from headgate.errors import PermanentError, UsageError
from headgate.names import Digest, Uri, short
from headgate.ports import Forge, Store, Tracker
from headgate.records.codec import decode, digest_of, encode
from headgate.records.dataset import Window
from headgate.records.judgement import Evaluation, evidence_uri
from headgate.records.model import Model
from headgate.specs.contract import Contract
from headgate.specs.environment import Version
from headgate.specs.reading import parse, read
from headgate.specs.service import Service

if TYPE_CHECKING:  # most commands touch no rows: polars would double their start
    import polars as pl

    from headgate.features import FeatureFunction

AUTHOR = "headgate"

ServiceFile = Annotated[
    Path, typer.Option("--service", "-s", envvar="HEADGATE_SERVICE", help="The service's description.", metavar="FILE")
]
WorkspaceFolder = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", envvar="HEADGATE_WORKSPACE", help="Default: .headgate beside it.", metavar="DIR"),
]
EnvironmentName = Annotated[
    str | None, typer.Option("--environment", "-e", help="Default: the first of promotion.yaml.", metavar="NAME")
]
DEFAULT_SERVICE_FILE = Path("service.yaml")


def wall_clock() -> datetime:
    """Return now."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Project:
    """A service with everything its verbs need, opened when first asked for."""

    service_file: Path
    spec: Service
    workspace: Workspace
    clock: Callable[[], datetime] = wall_clock
    """Now: event time where history is replayed."""

    @property
    def folder(self) -> Path:
        return self.service_file.parent

    @cached_property
    def contract(self) -> Contract:
        return read(self.folder / self.spec.contract, Contract)

    @cached_property
    def contract_digest(self) -> Digest:
        """Digest of the contract's text."""
        try:
            return digest_of((self.folder / self.spec.contract).read_bytes())
        except OSError as err:
            raise PermanentError(
                f"no contract {self.spec.contract!r} beside {self.service_file.name}: {err.strerror}"
            ) from err

    @cached_property
    def store(self) -> Store:
        """The workspace's folder, or the bucket that HEADGATE_STORE names."""
        if url := os.environ.get("HEADGATE_STORE"):
            from headgate.adapters.s3 import open_store

            return open_store(url, self.workspace.cache / "store")
        return FileStore(self.workspace.store)

    def address(self, uri: Uri) -> Uri:
        """Return where programs that know no store find a folder: in the bucket, or on this machine."""
        url = os.environ.get("HEADGATE_STORE")
        return Uri(f"{url.rstrip('/')}/{uri}" if url else str(self.store.folder(uri)))

    @cached_property
    def forge(self) -> Forge:
        """The workspace's own repository, or the hosted one that HEADGATE_FORGE names."""
        if url := os.environ.get("HEADGATE_FORGE"):
            from headgate.adapters.forges.address import open_forge

            token = os.environ.get("HEADGATE_FORGE_TOKEN_FILE")
            return open_forge(
                url,
                Path(token) if token else None,
                self.workspace.cache / "forges",
                app=os.environ.get("HEADGATE_FORGE_APP"),
                author=AUTHOR,
                clock=self.clock,
            )
        if not self.workspace.env.exists():
            raise PermanentError(f"no env repo at {str(self.workspace.env)!r}", next_step="`headgate init` makes one")
        return GitDir(self.workspace.env, AUTHOR, self.clock, lint.added)

    @cached_property
    def tracker(self) -> Tracker:
        """MLflow where it is installed, by a database in the workspace; HEADGATE_TRACKER names a server, or `files`."""
        server = os.environ.get("HEADGATE_TRACKER")
        if server == "files" or find_spec("mlflow") is None:
            from headgate.adapters.trackers.files import FileTracker

            return FileTracker(self.workspace.tracker)
        quiet_libraries()
        from headgate.adapters.trackers.mlflow import MLflowTracker

        if server:
            return MLflowTracker(server)
        self.workspace.tracker.mkdir(parents=True, exist_ok=True)
        return MLflowTracker(f"sqlite:///{self.workspace.tracker}/mlflow.db", self.workspace.tracker / "artifacts")

    @cached_property
    def features(self) -> "FeatureFunction | None":
        from headgate.adapters.usercode import load

        return load(self.spec.data.features, self.folder) if self.spec.data.features else None

    @cached_property
    def code(self) -> str:
        """Digest of the service's own files and of Headgate's version."""
        from headgate.adapters.usercode import code_digest

        return code_digest(self.folder)

    @cached_property
    def lock(self) -> str:
        """Digest of the installed packages."""
        from headgate.adapters.usercode import lock_digest

        return lock_digest()

    def read_rows(
        self, window: Window | None, now: datetime | None, source: str | None = None, *, needed: bool = True
    ) -> "pl.DataFrame":
        """Return the source's rows: `source` where it is given, else what data.reader names; needed, there is one."""
        from headgate.adapters.source import read as read_source
        from headgate.adapters.usercode import load

        reader = self.spec.data.reader
        if source is not None:
            return read_source(str(Path(source).resolve()), self.folder, window, time=self.spec.data.time, now=now)
        named = load(reader, self.folder) if ":" in reader else reader
        return read_source(named, self.folder, window, time=self.spec.data.time, now=now, needed=needed)

    def model_uri(self, sha256: Digest) -> Uri:
        """Return where a model of this service is kept."""
        return Uri(f"models/{self.spec.service}/{sha256}")

    def predictions(self, environment: str) -> Path:
        """Where an environment's servers log what they answer."""
        return self.workspace.root / "predictions" / environment / self.spec.service

    def answers(self, environment: str, window: Window | None) -> Path:
        """Where a window's logged answers, or all, can be read: also those in the bucket that HEADGATE_STORE names."""
        folder = self.predictions(environment)
        if os.environ.get("HEADGATE_STORE"):
            from headgate.adapters.answers import bring, place
            from headgate.serve.logs.prediction_log import days_of

            bring(
                self.store, place(environment, self.spec.service), folder, *(days_of(window) if window else ("", "~"))
            )
        return folder

    def answered(self, environment: str) -> list[str]:
        """Return the event days of which answers were logged, in order."""
        kept = {path.name for path in self.predictions(environment).glob("*-*-*") if path.is_dir()}
        if os.environ.get("HEADGATE_STORE"):
            from headgate.adapters.answers import days, place

            kept |= days(self.store, place(environment, self.spec.service))
        return sorted(kept)

    def evidence(self, standing: Standing, model: Model) -> Evaluation:
        """Return the evaluation that let a once-live model in, as its version.yaml names it."""
        tag = next(tag for tag in standing.tags if tag.outcome == "live" and tag.revision.model == model.sha256)
        path = file_path(standing.environment, self.spec.service, "version.yaml")
        named = parse(self.forge.read(path, tag.commit) or "", Version, path)
        return decode(self.store.get(evidence_uri(named.evidence)), Evaluation, "evidence")

    def live(self, environment: str | None) -> Standing:
        """Return where the service stands in the named environment, or in the first of promotion.yaml."""
        return standing(self.forge, self.spec.service, environment, self.model)

    def model(self, sha256: Digest) -> Model:
        """Return the record of a model that was trained here."""
        return decode(
            self.store.get(model_record(self.spec.service, sha256)), Model, f"record of model {short(sha256)}"
        )

    def keep_model(self, model: Model) -> None:
        """Keep the record of a model, found again by its digest; of those who made the same bytes, the first."""
        uri = model_record(self.spec.service, model.sha256)
        if not self.store.has(uri):  # an edited comment or another policy is other code, and may make the same bytes
            self.store.put(uri, encode(model))


def model_record(service: str, sha256: Digest) -> Uri:
    return Uri(f"model-records/{service}/{sha256}.json")


def open_project(service_file: Path, workspace: Path | None, clock: Callable[[], datetime] = wall_clock) -> Project:
    """Return the project a service.yaml describes."""
    path = service_file.resolve()
    if not path.exists():
        raise PermanentError(
            f"no file {str(path)!r}",
            next_step="go where it is, name it with --service, or write one: headgate init --data FILE --label COLUMN",
        )
    spec = read(path, Service)
    root = workspace or path.parent / ".headgate"
    return Project(service_file=path, spec=spec, workspace=Workspace(root.resolve()), clock=clock)


def is_named(project: Project, name: str | None) -> None:
    """Refuse a service that service.yaml does not describe."""
    if name not in (None, project.spec.service):
        raise UsageError(
            f"{project.service_file.name} describes {project.spec.service!r}, not {name!r}",
            next_step="give the other service's file with --service",
        )


def quiet_libraries() -> None:
    """Turn telemetry and progress noise of the libraries off, before any of them is imported."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
