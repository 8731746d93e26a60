"""The only composition root: which adapters stand behind the ports, and what every command starts from."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from headgate.adapters.files import FileStore
from headgate.adapters.forges.gitdir import GitDir
from headgate.errors import PermanentError
from headgate.features import FeatureFunction
from headgate.names import Name, Uri
from headgate.ports import Forge, Store
from headgate.records.codec import digest_of
from headgate.specs.contract import Contract
from headgate.specs.reading import read
from headgate.specs.service import Service

AUTHOR = "headgate"

ServiceFile = Annotated[
    Path, typer.Option("--service", "-s", envvar="HEADGATE_SERVICE", help="The service's description.", metavar="FILE")
]
WorkspaceFolder = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", envvar="HEADGATE_WORKSPACE", help="Default: .headgate beside it.", metavar="DIR"),
]
DEFAULT_SERVICE_FILE = Path("service.yaml")


@dataclass(frozen=True)
class Workspace:
    """One machine's working folder: store, env repo, runs, logs, tracker."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def env(self) -> Path:
        return self.root / "env.git"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def latest(self) -> Path:
        """The last record of each verb, so that verbs by hand follow one another."""
        return self.root / "latest"

    @property
    def predictions(self) -> Path:
        return self.root / "predictions"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def tracker(self) -> Path:
        return self.root / "mlflow"


@dataclass(frozen=True)
class Project:
    """A service with everything its verbs need, opened when first asked for."""

    service_file: Path
    spec: Service
    workspace: Workspace

    @property
    def folder(self) -> Path:
        return self.service_file.parent

    @cached_property
    def contract(self) -> Contract:
        return read(self.folder / self.spec.contract, Contract)

    @cached_property
    def contract_digest(self) -> str:
        return digest_of((self.folder / self.spec.contract).read_bytes())

    @cached_property
    def store(self) -> Store:
        return FileStore(self.workspace.store)

    @cached_property
    def forge(self) -> Forge:
        if not self.workspace.env.exists():
            raise PermanentError(f"no env repo at {str(self.workspace.env)!r}", next_step="`headgate init` makes one")
        return GitDir(self.workspace.env, AUTHOR)

    @cached_property
    def features(self) -> FeatureFunction | None:
        from headgate.adapters.usercode import load

        return load(self.spec.data.features, self.folder) if self.spec.data.features else None

    @cached_property
    def code(self) -> str:
        from headgate.adapters.usercode import code_digest

        return code_digest(self.folder)

    def model_uri(self, sha256: str) -> Uri:
        return Uri(f"models/{self.spec.service}/{sha256}")


def open_project(service_file: Path, workspace: Path | None) -> Project:
    """Return the project a service.yaml describes."""
    path = service_file.resolve()
    spec = read(path, Service)
    root = workspace or path.parent / ".headgate"
    return Project(service_file=path, spec=spec, workspace=Workspace(root.resolve()))


def environment_name(text: str | None, project: Project) -> Name:
    """Return the named environment, or the first one of promotion.yaml."""
    from headgate.desired import environments

    known = environments(project.forge)
    if text is None:
        return known[0]
    if text not in known:
        raise PermanentError(f"no environment {text!r} in promotion.yaml", found=", ".join(known))
    return Name(text)


def quiet_libraries() -> None:
    """Turn telemetry and progress noise of the libraries off, before any of them is imported."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
