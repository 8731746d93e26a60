"""A model of another format than ONNX goes the whole way: check, train, evaluate, gate, score, serve."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fakes.predictor import Predictor, answering
from headgate.cli.wiring import open_project
from headgate.serve.setup.options import ServeOptions
from unit.cli.terminal import Terminal, orders
from unit.serve.running import running

FITS = {
    "lightgbm": """
        from lightgbm import LGBMClassifier


        def fit(train, tune, params, seed):
            return LGBMClassifier(n_estimators=30, n_jobs=1, random_state=seed, verbosity=-1).fit(train.x, train.y)
    """,
    "xgboost": """
        import xgboost


        def fit(train, tune, params, seed):
            kinds = ["c" if each else "q" for each in train.categorical]
            rows = xgboost.DMatrix(train.x, train.y, feature_types=kinds, enable_categorical=True)
            return xgboost.train({"objective": "binary:logistic", "nthread": 1, "seed": seed}, rows, 30)
    """,
    "skops": """
        from pathlib import Path

        import skops.io
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline


        def fit(train, tune, params, seed):
            model = make_pipeline(SimpleImputer(), LinearDiscriminantAnalysis()).fit(train.x, train.y)
            made = Path(__file__).with_name("made.skops")
            skops.io.dump(model, made)
            return made
    """,
    "v2": """
        import json
        import os
        import urllib.request
        from pathlib import Path

        import numpy as np
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        OWN = {
            "image": "registry.example/own@sha256:" + "a" * 64,
            "model": "own",
            "version": "3",
            "inputs": [{"name": "x"}],
            "output": {"name": "y", "datatype": "FP64"},
            "files": ["weights.json"],
        }


        def fit(train, tune, params, seed):
            scaler = StandardScaler().fit(np.nan_to_num(train.x.astype(float)))
            model = LogisticRegression().fit(scaler.transform(np.nan_to_num(train.x)), train.y)
            weights = model.coef_[0] / scaler.scale_
            content = json.dumps([*weights, model.intercept_[0] - weights @ scaler.mean_]).encode()
            there = urllib.request.Request(os.environ["HEADGATE_PREDICTOR"] + "/weights", content, method="PUT")
            urllib.request.urlopen(there).close()
            made = Path(__file__).with_name("predictor.json")
            made.with_name("weights.json").write_bytes(content)
            made.write_text(json.dumps(OWN))
            return made
    """,
}


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Predictor]:
    with answering() as one:
        monkeypatch.setenv("HEADGATE_PREDICTOR", one.address)
        yield one


@pytest.mark.parametrize(
    "format_", ["lightgbm", *(pytest.param(each, marks=pytest.mark.full) for each in ("xgboost", "skops", "v2"))]
)
def test_a_model_of_another_format_goes_the_whole_way(
    format_: str, own: Predictor, terminal: Terminal, tmp_path: Path
) -> None:
    """What a person types, and what a client is answered: the same numbers in a file and over HTTP."""
    rows = orders()
    rows.write_csv("orders.csv")
    assert terminal("init", "--data", "orders.csv", "--label", "late").code == 0
    Path("own.py").write_text(textwrap.dedent(FITS[format_]))
    spec = Path("service.yaml")
    lines = [line for line in spec.read_text().splitlines() if not line.startswith(("train:", "  entrypoint:"))]
    spec.write_text("\n".join(lines) + '\ntrain: {entrypoint: "own:fit"}\n')

    assert f"kept as {format_}" in terminal("check").out
    terminal.pipeline()
    rows.drop("late").write_parquet("in.parquet")
    said = terminal("score", "in.parquet", "out.parquet", "--output", "json")

    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert bool(own.asked) == (format_ == "v2")
    assert (told["rows"], told["scored"]) == (900, 900)
    scores = pl.read_parquet("out.parquet")["probability"].to_numpy()
    assert np.mean((scores > 0.5) == (rows["late"].to_numpy() == 1)) > 0.7
    np.testing.assert_allclose(answers(terminal.folder, told["model"], rows.head(50)), scores[:50], rtol=1e-6)


def answers(folder: Path, sha256: str, rows: pl.DataFrame) -> list[float]:
    """Return what a server of the model answers for some rows."""
    project = open_project(folder / "service.yaml", None)
    kinds = {"weight": "FP64", "distance": "FP64", "carrier": "BYTES"}
    inputs = [
        {"name": name, "datatype": kind, "shape": [rows.height], "data": rows[name].to_list()}
        for name, kind in kinds.items()
    ]
    options = ServeOptions(
        model=project.store.folder(project.model_uri(sha256)),  # type: ignore[arg-type]
        sha256=sha256,
        service_file=folder / "service.yaml",
        ready_file=folder / "ready.json",
        exit_with_parent=True,
    )
    with running(options) as server:
        answer = server.ask("/v2/models/orders/infer", json.dumps({"inputs": inputs}).encode())
        assert answer.status == 200, answer.body
        found: list[float] = answer.json["outputs"][0]["data"]
    return found
