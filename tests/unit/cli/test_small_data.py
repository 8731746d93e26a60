"""What init asks of small data is honest: learnable labels pass, shuffled ones do not, whatever the seed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from headgate import features
from headgate.cli import sizing
from headgate.cli.first import draft
from headgate.cli.guessing import guess
from headgate.collect import cut
from headgate.evaluate.leaks import single_feature_leaks
from headgate.evaluate.measure import measure
from headgate.evaluate.overlap import overlap_rows
from headgate.evaluate.predict import predict, trivial
from headgate.gate import packs
from headgate.gate.judge import judge
from headgate.models.loading import Loaded
from headgate.names import Digest, Uri
from headgate.records.codec import digest_of
from headgate.records.dataset import DataPart, DatasetManifest, DatasetRef, dataset_of
from headgate.records.judgement import Latency, Verdict
from headgate.specs.gate import Gate
from headgate.specs.service import Service
from headgate.train.fit import fit, record

NOW = datetime(2024, 1, 1, tzinfo=UTC)
SHA = Digest("a" * 64)
QUICK = Latency(p50_ms=1.0, p99_ms=2.0, calls=100)


def flowers(draw: np.random.Generator) -> pl.DataFrame:
    """150 rows, three classes, like the irises: one is easily told, two overlap a little."""
    kind = np.repeat([0, 1, 2], 50)
    petal = np.array([1.5, 4.3, 5.6])[kind] + draw.normal(size=150) * 0.45
    sepal = np.array([5.0, 5.9, 6.6])[kind] + draw.normal(size=150) * 0.5
    names = np.array(["setosa", "versicolor", "virginica"])
    return pl.DataFrame({"petal": petal.round(1), "sepal": sepal.round(1), "y": names[kind]})


def tumours(draw: np.random.Generator) -> pl.DataFrame:
    """300 rows, two classes of unequal size, five features that each know a part."""
    bad = draw.random(300) < 0.35
    columns = {f"f{i}": bad * 0.9 + draw.normal(size=300) for i in range(5)}
    return pl.DataFrame({**columns, "y": bad})


def progress(draw: np.random.Generator) -> pl.DataFrame:
    """440 rows, a number that is half signal and half noise."""
    made = draw.normal(size=(440, 6))
    told = made[:, :3].sum(axis=1)
    columns = {f"f{i}": made[:, i] for i in range(6)}
    return pl.DataFrame({**columns, "y": 150 + 40 * (told + 1.2 * draw.normal(size=440))})


SETS: dict[str, Callable[[np.random.Generator], pl.DataFrame]] = {
    "flowers": flowers,
    "tumours": tumours,
    "progress": progress,
}


def verdict(rows: pl.DataFrame) -> Verdict:
    """Return what the whole pipeline says of rows, without its files and processes."""
    found = guess(rows, "y", None, NOW)
    spec = draft(rows, found, "rows.parquet", "y")
    parts = cut(rows, spec)
    own = sizing.rules(parts["gate"], spec, sizing.strongest(rows, spec))
    spec = replace(spec, gate=Gate(rules=tuple(rule for rule, _ in own)))
    fitted = fit(parts["train"], parts["tune"], spec)
    loaded = Loaded(fitted.signature, fitted.packed, digest_of(b"".join(fitted.packed.files.values())))
    learned = [parts["train"], parts["tune"]]
    baseline = trivial(
        features.labels(parts["train"], spec, loaded.signature.classes), spec.task, loaded.signature.classes
    )
    frame = predict(parts["gate"], spec, None, {"candidate": loaded}, baseline)
    every = predict(rows, spec, None, {"candidate": loaded}, baseline)
    evaluation = measure(
        frame,
        spec,
        model=record(fitted, SHA, dataset(parts, spec), code="c", lock="l"),
        champion=None,
        anchor=None,
        latency=QUICK,
        leaks=single_feature_leaks(features.compute(rows, spec), every, spec),
        overlap_rows=overlap_rows(frame["id"], [features.ids(part, spec) for part in learned]),
        look=1,
        predictions_uri=Uri("p"),
        predictions_sha256=SHA,
    )
    return judge(evaluation, packs.load(spec.gate, spec.metrics[0]), spec, None)


def dataset(parts: dict[str, pl.DataFrame], spec: Service) -> DatasetRef:
    named = {
        name: DataPart(path=f"{name}.parquet", sha256=SHA, rows=part.height, window=None, labels_missing=0)
        for name, part in parts.items()
    }
    rows = sum(part.height for part in parts.values())
    return dataset_of(
        DatasetManifest(service=spec.service, rows=rows, window=None, parts=named, contract=SHA, source="rows")
    )


def outcomes(name: str, seeds: range, *, shuffled: bool) -> Iterator[str]:
    for seed in seeds:
        draw = np.random.default_rng(seed)
        rows = SETS[name](draw)
        yield verdict(rows.with_columns(pl.col("y").shuffle(seed=seed)) if shuffled else rows).outcome


@pytest.mark.parametrize("name", SETS)
def test_a_label_that_can_be_learned_passes(name: str) -> None:
    """By the balanced policy and what init writes beside it."""
    found = list(outcomes(name, range(8), shuffled=False))

    assert found.count("pass") >= 7


@pytest.mark.parametrize("name", SETS)
def test_a_shuffled_label_does_not(name: str) -> None:
    """Not one of ten: the level is one in forty, and two rules must err together."""
    found = list(outcomes(name, range(10), shuffled=True))

    assert "pass" not in found


@pytest.mark.full
@pytest.mark.parametrize("name", SETS)
def test_shuffled_labels_pass_no_more_often_than_the_level_allows(name: str) -> None:
    """Two hundred worlds: at most 2.5 in 100 are expected; nine and more of 200 would refute it at 1 %."""
    found = list(outcomes(name, range(1000, 1200), shuffled=True))

    assert found.count("pass") <= 9
