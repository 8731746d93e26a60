"""The live model in a notebook: `headgate.load("flights@prod")`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from headgate import features
from headgate.adapters.source import with_time
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, Project, open_project
from headgate.errors import PermanentError, UsageError
from headgate.models.loading import Loaded
from headgate.models.loading import load as load_model
from headgate.records.model import Model

if TYPE_CHECKING:
    from headgate.serve.mount import Mounted

HALF = 0.5


@dataclass(frozen=True)
class Live:
    """A live model: what Git names, its digest verified."""

    project: Project
    record: Model
    loaded: Loaded

    def predict(self, rows: Any) -> pl.DataFrame:
        """Return a row of answers per raw row (polars, Arrow or pandas), under the names the server gives them.

        binary: `probability` of the positive class, `label`. multiclass: `probability.<class>`, `label`.
        regression: `value`.
        """
        raw = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows)
        spec, signature = self.project.spec, self.loaded.signature
        if spec.data.time and spec.data.time in raw.columns:
            raw = with_time(raw, spec.data.time, "the frame")
        scores = self.loaded.predict(features.compute(raw, spec, self.project.features))
        if signature.task == "regression":
            return pl.DataFrame({"value": scores})
        if signature.task == "binary":
            labels = [signature.classes[int(score >= HALF)] for score in scores]
            return pl.DataFrame({"probability": scores, "label": labels})
        columns = {f"probability.{name}": scores[:, code] for code, name in enumerate(signature.classes)}
        return pl.DataFrame({**columns, "label": [signature.classes[code] for code in scores.argmax(axis=1)]})

    def __repr__(self) -> str:
        return f"<{self.record.service} {self.record.version}, {self.record.task}>"


def load(name: str, service: Path | str | None = None, workspace: Path | str | None = None) -> Live:
    """Return the model that is live as `service@environment` says; its digest is checked against Git."""
    project, record = find(name, service, workspace)
    return Live(project, record, load_model(project.store.folder(record.uri), record.sha256))


def mount(name: str, service: Path | str | None, workspace: Path | str | None, log_dir: Path | str | None) -> "Mounted":
    """Return the live model behind its door, as an ASGI app."""
    from headgate.serve.mount import Mounted
    from headgate.serve.setup.options import ServeOptions

    project, record = find(name, service, workspace)
    return Mounted(
        ServeOptions(
            model=project.store.folder(record.uri),
            sha256=record.sha256,
            service_file=project.service_file.resolve(),
            log_dir=Path(log_dir) if log_dir else None,
        )
    )


def find(name: str, service: Path | str | None, workspace: Path | str | None) -> tuple[Project, Model]:
    """Return which model Git says is live as `service@environment`."""
    wanted, _, environment = name.partition("@")
    if not wanted or not environment:
        raise UsageError(f"{name!r} is not `service@environment`", next_step='write it like "flights@prod"')
    file = Path(service or os.environ.get("HEADGATE_SERVICE") or DEFAULT_SERVICE_FILE)
    root = workspace or os.environ.get("HEADGATE_WORKSPACE")
    project = open_project(file, Path(root) if root else None)
    if project.spec.service != wanted:
        raise PermanentError(
            f"{str(file)!r} describes {project.spec.service!r}, not {wanted!r}",
            next_step="give service=PATH, or set HEADGATE_SERVICE",
        )
    record = project.live(environment).champion
    if record is None:
        raise PermanentError(
            f"nothing is live as {name!r}", next_step="merge a promotion, then `headgate up` brings it live"
        )
    return project, record
