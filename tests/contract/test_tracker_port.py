"""What every tracker promises: a run is shown once, a model has one version, and trouble is said in our words."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.adapters.trackers.files import FileTracker
from headgate.adapters.trackers.mlflow import DIGEST_TAG, MLflowTracker
from headgate.errors import PermanentError, TransientError
from headgate.names import Digest, Uri
from headgate.ports import TrackedRun, Tracker

NOON = datetime(2013, 7, 26, 12, tzinfo=UTC)
RUN = TrackedRun(
    service="flights",
    run="ct-flights-1f0c2a",
    params={"seed": "7", "max_iter": "100"},
    metrics={"auc_candidate": 0.721},
    tags={"verdict": "pass"},
    documents={"model-card.md": "# flights", "verdict.json": "{}"},
    model_uri=Uri("/store/models/flights/" + "9" * 64),
    model_sha256=Digest("9" * 64),
    trials=(({"max_iter": "50"}, 0.70), ({"max_iter": "100"}, 0.71)),
    started_at=NOON,
    ended_at=NOON,
)


def mlflow(root: Path) -> Tracker:
    root.mkdir(exist_ok=True)
    return MLflowTracker(f"sqlite:///{root}/mlflow.db", root / "artifacts")


TRACKERS: dict[str, Callable[[Path], Tracker]] = {"files": FileTracker, "mlflow": mlflow}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow's own, of what it imports
@pytest.mark.parametrize("name", TRACKERS)
def test_a_run_told_twice_is_shown_once(name: str, tmp_path: Path) -> None:
    """The same run is found again, also by another process; its model has the version it had."""
    first = TRACKERS[name](tmp_path / "tracker").record(RUN)

    again = TRACKERS[name](tmp_path / "tracker").record(RUN)

    assert first == again == "1"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow's own, of what it imports
@pytest.mark.parametrize("name", TRACKERS)
def test_a_model_has_one_version_whatever_run_names_it(name: str, tmp_path: Path) -> None:
    """Versions are found by digest: another run of the same bytes adds none, other bytes add the next."""
    tracker = TRACKERS[name](tmp_path / "tracker")
    tracker.record(RUN)

    same = tracker.record(replace(RUN, run="ct-flights-2"))
    other = tracker.record(replace(RUN, run="ct-flights-3", model_sha256=Digest("8" * 64)))

    assert (same, other) == ("1", "2")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow's own, of what it imports
def test_mlflow_shows_params_metrics_trials_card_and_digest(tmp_path: Path) -> None:
    """What a person finds in `mlflow ui`."""
    tracker = MLflowTracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts")

    tracker.record(RUN)

    runs = tracker.client.search_runs([tracker.experiment("flights")])
    parent = next(run for run in runs if run.info.run_name == RUN.run)
    assert parent.data.params == RUN.params
    assert parent.data.metrics == RUN.metrics
    assert len(runs) == 1 + len(RUN.trials)
    assert {file.path for file in tracker.client.list_artifacts(parent.info.run_id)} == {*RUN.documents}
    (version,) = tracker.client.search_model_versions("name = 'flights'")
    assert version.tags[DIGEST_TAG] == RUN.model_sha256


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow's own, of what it imports
@pytest.mark.parametrize(("name", "folder"), [("files", "runs"), ("mlflow", "artifacts")])
def test_a_file_in_the_way_is_permanent_and_in_our_words(name: str, folder: str, tmp_path: Path) -> None:
    """A retry would find it there again; no OSError crosses the port."""
    (tmp_path / "tracker").mkdir()
    (tmp_path / "tracker" / folder).write_text("a file where a folder should be")

    with pytest.raises(PermanentError, match=r"cannot (write to tracker|keep run)"):
        TRACKERS[name](tmp_path / "tracker").record(RUN)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow's own, of what it imports
def test_a_database_that_is_none_is_transient_and_in_our_words(tmp_path: Path) -> None:
    """No SQLAlchemy error crosses the port."""
    (tmp_path / "mlflow.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / "mlflow.db").execute("select 1 from x")

    with pytest.raises(TransientError, match="MLflow"):
        MLflowTracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts").record(RUN)
