"""MLflow as tracker and registry: an index for people, never a source of truth."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headgate.errors import TransientError, speaking
from headgate.ports import TrackedRun

RUN_TAG = "headgate.run"
PARENT_TAG = "mlflow.parentRunId"
DIGEST_TAG = "headgate.sha256"
FRAMES = ("pandas", "polars", "pyarrow", "scipy")
"""MLflow imports whichever of these it finds, for data sets that it could log: 100 of the 256 MB of a `track` step."""


class MLflowTracker:
    """Logs each run once and registers each model once, found again by tags."""

    def __init__(self, uri: str, artifacts: Path | None = None) -> None:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        with absent(FRAMES):
            from mlflow.exceptions import MlflowException  # noqa: PLC0415 - costs seconds; only a tracked run pays
            from mlflow.tracking import MlflowClient  # noqa: PLC0415

        self.error = MlflowException
        self.artifacts = artifacts
        try:
            self.client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)
        except Exception as err:
            raise TransientError(f"MLflow at {uri.partition('://')[0]!r} does not answer: {str(err)[:200]}") from err

    def record(self, run: TrackedRun) -> str:
        """Log the run and register its model; return the model's version."""
        with speaking(f"keep run {run.run!r} in MLflow"):
            try:
                return self.register(run, self.log(run))
            except self.error as err:
                raise TransientError(f"MLflow did not keep run {run.run!r}: {str(err)[:200]}") from err

    def log(self, run: TrackedRun) -> str:
        """Return the id of the run's MLflow run, made and filled when it is not there yet.

        One that a killed process left half told is deleted, and told anew.
        """
        experiment = self.experiment(run.service)
        for known in self.client.search_runs([experiment], filter_string=f"tags.`{RUN_TAG}` = '{run.run}'"):
            if known.info.status == "FINISHED":
                return str(known.info.run_id)
            self.delete(experiment, str(known.info.run_id))
        started = milliseconds(run.started_at)
        tags = {**run.tags, RUN_TAG: run.run, "mlflow.note.content": run.documents.get("model-card.md", "")[:5000]}
        made = self.client.create_run(experiment, start_time=started, tags=tags, run_name=run.run)
        run_id = str(made.info.run_id)
        self.batch(run_id, run.metrics, run.params, started)
        for name, text in run.documents.items():
            self.client.log_text(run_id, text, name)
        for number, (params, score) in enumerate(run.trials):
            child = self.client.create_run(
                experiment, start_time=started, tags={PARENT_TAG: run_id}, run_name=f"trial {number + 1}"
            )
            self.batch(child.info.run_id, {"tune_score": score}, params, started)
            self.client.set_terminated(child.info.run_id, end_time=milliseconds(run.ended_at))
        self.client.set_terminated(run_id, end_time=milliseconds(run.ended_at))
        return run_id

    def delete(self, experiment: str, run_id: str) -> None:
        """Delete a run and its trials."""
        trials = self.client.search_runs([experiment], filter_string=f"tags.`{PARENT_TAG}` = '{run_id}'")
        for gone in (*(trial.info.run_id for trial in trials), run_id):
            self.client.delete_run(gone)

    def batch(self, run_id: str, metrics: dict[str, float], params: dict[str, str], at: int) -> None:
        """Log everything in one call: each call costs tens of milliseconds."""
        from mlflow.entities import Metric, Param  # noqa: PLC0415

        self.client.log_batch(
            run_id,
            metrics=[Metric(name, value, at, 0) for name, value in metrics.items()],
            params=[Param(name, value[:500]) for name, value in params.items()],
        )

    def register(self, run: TrackedRun, run_id: str) -> str:
        """Return the version of the model, made when no version bears its digest."""
        query = f"name = '{run.service}' and tags.`{DIGEST_TAG}` = '{run.model_sha256}'"
        if known := self.client.search_model_versions(query, max_results=1):
            return str(known[0].version)
        if not self.client.search_registered_models(f"name = '{run.service}'", max_results=1):
            self.client.create_registered_model(run.service)
        made = self.client.create_model_version(
            run.service, source=run.model_uri, run_id=run_id, tags={DIGEST_TAG: run.model_sha256, **run.tags}
        )
        return str(made.version)

    def experiment(self, name: str) -> str:
        if known := self.client.get_experiment_by_name(name):
            return str(known.experiment_id)
        location = str(self.artifacts / name) if self.artifacts else None
        return str(self.client.create_experiment(name, artifact_location=location))


def milliseconds(at: Any) -> int:
    return int(at.timestamp() * 1000)


@contextmanager
def absent(names: Sequence[str]) -> Iterator[None]:
    """Let packages that nobody imported yet look as if they were not installed, for whoever only tries."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: an import of it fails
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
