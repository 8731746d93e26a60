"""The model that every server of the benchmark serves: 20 numbers, one probability, and how it is asked."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from headgate.models import package
from headgate.models.signature import Feature, Signature
from headgate.names import Digest, Name
from headgate.train.convert import to_onnx

SERVICE = "bench"
COLUMNS = tuple(f"x{place:02}" for place in range(20))
SEED = 1

SERVICE_YAML = f"""
service: {SERVICE}
task: binary
data:
  reader: rows.parquet
  label: {{column: label}}
  features: FEATURES
"""
OWN_FUNCTION = """
import polars as pl


def features(rows: pl.DataFrame, as_of: object) -> pl.DataFrame:
    return rows.with_columns(x00=pl.col("x00") * 1.0)
"""
COLUMN = "{type: number, nulls: 0.0, min: -100, max: 100, range_severity: error}"


@dataclass(frozen=True)
class Made:
    """A folder with a service, its contract and its packaged model."""

    folder: Path
    sha256: Digest

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def onnx(self) -> Path:
        return self.model / "model.onnx"


def estimators() -> dict[str, Any]:
    """Return the fitted scikit-learn models by name; the last is served: it costs little beside a server."""
    x, y = rows(20_000)
    return {
        "HistGradientBoosting, 100 trees": HistGradientBoostingClassifier(random_state=SEED).fit(x, y),
        "LogisticRegression": LogisticRegression().fit(x, y),
    }


def rows(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return made-up rows and labels."""
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=(count, len(COLUMNS))).astype(np.float32)
    noise = generator.normal(size=count)
    return x, (x[:, 0] + x[:, 1] * x[:, 2] - 0.5 * x[:, 3] + noise > 0).astype(np.int64)


def make(folder: Path, *, own_function: bool = False) -> Made:
    """Write the service that is measured; with a features function of its owner's, or without."""
    folder.mkdir(parents=True, exist_ok=True)
    entry = '"bench_features:features"' if own_function else "null"
    (folder / "service.yaml").write_text(SERVICE_YAML.replace("FEATURES", entry))
    (folder / "bench_features.py").write_text(OWN_FUNCTION)
    columns = [f"  {name}: {COLUMN}" for name in COLUMNS]
    (folder / "contract.yaml").write_text("\n".join(["columns:", *columns, "  label: {type: boolean, role: label}"]))
    [*_, estimator] = estimators().values()
    return Made(folder, package.write(folder / "model", to_onnx(estimator, signature()), signature(), {}))


def signature() -> Signature:
    """Return what the models take and give."""
    features = tuple(Feature(name=name, kind="number") for name in COLUMNS)
    return Signature(service=Name(SERVICE), task="binary", classes=("false", "true"), features=features)


def by_column(matrix: NDArray[np.float32]) -> bytes:
    """Return a V2 request with an input per column."""
    inputs = [tensor(name, column) for name, column in zip(COLUMNS, matrix.T, strict=True)]
    return json.dumps({"inputs": inputs}, separators=(",", ":")).encode()


def by_frame(matrix: NDArray[np.float32]) -> bytes:
    """Return the request of `by_column` with the parameter that makes kserve read columns."""
    return json.dumps({**json.loads(by_column(matrix)), "parameters": {"content_type": "pd"}}).encode()


def by_matrix(matrix: NDArray[np.float32]) -> bytes:
    """Return a V2 request with one tensor and no names, kserve's quickest form."""
    return json.dumps({"inputs": [tensor("input-0", matrix)]}, separators=(",", ":")).encode()


def as_bytes(matrix: NDArray[np.float32]) -> tuple[bytes, int]:
    """Return a V2 request with an input per column as bytes, and how much of it is JSON."""
    inputs = [
        {"name": name, "datatype": "FP32", "shape": [len(matrix)], "parameters": {"binary_data_size": 4 * len(matrix)}}
        for name in COLUMNS
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}, separators=(",", ":")).encode()
    return head + matrix.T.tobytes(), len(head)


def tensor(name: str, values: NDArray[np.float32]) -> dict[str, Any]:
    short = [float(f"{value:.6g}") for value in values.ravel()]
    return {"name": name, "datatype": "FP32", "shape": list(values.shape), "data": short}
