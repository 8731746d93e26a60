"""Evidence to judge: records made by hand, each field the one a test wants."""

from datetime import UTC, datetime, timedelta
from typing import Any

from headgate.names import Digest, Name, Uri
from headgate.records.dataset import DatasetRef, Window
from headgate.records.judgement import Calibration, Comparison, Estimate, Evaluation, Latency, Measured, Role
from headgate.records.model import Model
from headgate.specs.service import Data, Label, Service, Task

GATE = Window(start=datetime(2013, 8, 1, tzinfo=UTC), end=datetime(2013, 8, 31, tzinfo=UTC))
CANDIDATE, CHAMPION, ANCHOR = Digest("c" * 64), Digest("d" * 64), Digest("a" * 64)


def service(task: Task = "binary", **changes: Any) -> Service:
    """Return a service whose rows are clustered by day."""
    data = Data(reader="x.csv", label=Label(column="late"), time="at", cluster="day")
    return Service(service=Name("flights"), task=task, **({"data": data} | changes))


def model(sha256: Digest = CANDIDATE, end: datetime | None = datetime(2013, 7, 30, tzinfo=UTC)) -> Model:
    """Return a model that learned up to `end`."""
    dataset = DatasetRef(
        service=Name("flights"),
        uri=Uri("datasets/flights/x"),
        sha256=Digest("e" * 64),
        rows=10,
        window=None,
        parts={},
        contract=Digest("f" * 64),
        source="x.csv",
    )
    return Model(
        service=Name("flights"),
        version=f"v-{sha256[:12]}",
        uri=Uri("models/flights/x"),
        sha256=sha256,
        task="binary",
        dataset=dataset,
        train_end=end - timedelta(days=10) if end else None,
        tune_end=end,
        code="code",
        commit=None,
        params={},
        seed=7,
        lock="lock",
        trainer="boosting",
        parity=0.0,
    )


def estimate(value: float, error: float, rows: int = 9000, clusters: int = 30) -> Estimate:
    """Return an estimate from a month of days."""
    return Estimate(value=value, standard_error=error, rows=rows, clusters=clusters)


def measured(metric: str, role: Role, value: float, error: float = 0.005) -> Measured:
    return Measured(metric=metric, role=role, estimate=estimate(value, error))


def compared(metric: str, against: Role, value: float, error: float, **changes: Any) -> Comparison:
    return Comparison(metric=metric, against=against, delta=estimate(value, error), **changes)


METRICS = (
    measured("auc", "candidate", 0.72),
    measured("auc", "champion", 0.71),
    measured("auc", "anchor", 0.68),
    measured("auc", "baseline", 0.5, 0.0),
    measured("log_loss", "candidate", 0.51),
    measured("log_loss", "champion", 0.515),
    measured("log_loss", "baseline", 0.56),
    measured("rmse", "candidate", 30.0, 0.5),
    measured("rmse", "baseline", 40.0, 0.5),
)
COMPARISONS = (
    compared("auc", "champion", 0.010, 0.003),
    compared("auc", "anchor", 0.038, 0.01),
    compared("auc", "baseline", 0.22, 0.01),
    compared("log_loss", "champion", -0.005, 0.002),
)


def evaluation(**changes: Any) -> Evaluation:
    """Return the evidence of a good candidate, with some fields changed."""
    good: dict[str, Any] = {
        "model": model(),
        "champion": model(CHAMPION, datetime(2013, 6, 30, tzinfo=UTC)),
        "anchor": model(ANCHOR, datetime(2013, 3, 31, tzinfo=UTC)),
        "window": GATE,
        "rows": 9000,
        "clusters": 30,
        "clustered_by": "day",
        "metrics": METRICS,
        "comparisons": COMPARISONS,
        "slices": (),
        "calibration": (),
        "latency": Latency(p50_ms=0.4, p99_ms=1.2, calls=300),
        "leaks": (),
        "labels_missing": 0,
        "rows_missing_share": 0.0,
        "overlap_rows": 0,
        "duplicate_ids": 0,
        "predictions_uri": Uri("predictions/flights/x"),
        "predictions_sha256": Digest("b" * 64),
        "look": 1,
    }
    return Evaluation(**(good | changes))


def calibrated_well() -> tuple[Calibration, ...]:
    """Return the calibration of a candidate that means what it says."""
    return (Calibration(role="candidate", in_the_large=estimate(0.001, 0.003), expected_error=0.01, bins=()),)
