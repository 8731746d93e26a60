"""Candidates that are no better: the champion's own recipe with another seed, judged on real flights by `balanced`."""

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from headgate import features
from headgate.adapters.usercode import load
from headgate.collect import cut, describe
from headgate.evaluate.measure import measure
from headgate.evaluate.overlap import overlap_rows
from headgate.evaluate.predict import predict, trivial
from headgate.features import FeatureFunction
from headgate.gate import packs
from headgate.gate.judge import judge
from headgate.models.signature import Signature, encode
from headgate.names import Digest, Uri
from headgate.records.codec import digest_of
from headgate.records.dataset import DatasetRef
from headgate.records.judgement import Latency, Verdict
from headgate.records.model import Model
from headgate.specs.reading import read
from headgate.specs.service import Service
from headgate.train.fit import samples
from headgate.train.sample import Sample
from unit.gate.trials import ALPHA, upper_bound

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
WINDOWS = [datetime(2013, 4, 1, 12, tzinfo=UTC) + timedelta(days=21 * place) for place in range(13)]
PAIRS = 24
"""A window; every pair has a champion and a candidate of its own, so that no champion's luck counts twice."""
LEARNED_ROWS = 15_000
"""At most; the same rows for both. Bootstrapped rows would make models that truly differ, and some truly better."""
RECIPE = {"max_iter": 100, "max_leaf_nodes": 15, "min_samples_leaf": 200, "early_stopping": False, "max_features": 0.5}
"""The service's, but that each split looks at half of the columns: so the seed matters, and nothing else does."""
QUICK = Latency(p50_ms=0.1, p99_ms=0.2, calls=300)


class Refit(NamedTuple):
    """A fitted model, under the protocol that evaluation asks for."""

    signature: Signature
    model: Any

    def predict(self, made: pl.DataFrame, /) -> np.ndarray:
        return self.model.predict_proba(encode(made, self.signature))[:, 1]


class Setting(NamedTuple):
    """One window of flights, cut as `collect` cuts it."""

    spec: Service
    function: FeatureFunction
    parts: dict[str, pl.DataFrame]
    dataset: DatasetRef
    signature: Signature
    learn: Sample

    def refit(self, seed: int) -> Refit:
        """Fit the recipe with a seed."""
        every = slice(None, None, -(-len(self.learn) // LEARNED_ROWS))
        model = HistGradientBoostingClassifier(**RECIPE, random_state=seed)
        return Refit(self.signature, model.fit(self.learn.x[every], self.learn.y[every]))

    def record(self, seed: int) -> Model:
        windows = [self.dataset.parts[part].window for part in ("train", "tune")]
        return Model(
            service=self.spec.service,
            version=str(seed),
            uri=Uri("models/flights/none"),
            sha256=named(f"model {seed}"),
            task="binary",
            dataset=self.dataset,
            train_end=windows[0].end if windows[0] else None,
            tune_end=windows[1].end if windows[1] else None,
            code="none",
            commit=None,
            params={},
            seed=seed,
            lock="none",
            trainer="none",
            parity=0.0,
        )

    def verdict(self, seed: int) -> Verdict:
        """Judge one candidate against one champion; only their seeds differ."""
        roles = {"candidate": self.refit(2 * seed), "champion": self.refit(2 * seed + 1)}
        candidate, champion = self.record(2 * seed), self.record(2 * seed + 1)
        baseline = trivial(self.learn.y, "binary", self.signature.classes)
        frame = predict(self.parts["gate"], self.spec, self.function, {**roles, "anchor": roles["champion"]}, baseline)
        evaluation = measure(
            frame,
            self.spec,
            model=candidate,
            champion=champion,
            anchor=champion,
            latency=QUICK,
            leaks=(),
            overlap_rows=overlap_rows(frame["id"], [features.ids(self.parts["train"], self.spec)]),
            look=1,
            predictions_uri=Uri("evidence/predictions/none"),
            predictions_sha256=named("none"),
        )
        return judge(evaluation, packs.load(self.spec.gate, "auc"), self.spec, champion.sha256)


def named(what: str) -> Digest:
    return digest_of(what.encode())


def setting(spec: Service, function: FeatureFunction, rows: pl.DataFrame, as_of: datetime) -> Setting:
    parts = cut(rows.filter(pl.col("scheduled_departure") < as_of.replace(tzinfo=None)), spec, as_of)
    files = {part: (f"{part}.parquet", named(f"{part} {as_of}")) for part in parts}
    dataset = describe(parts, files, spec, named("contract"), "flights")
    signature, learn, _ = samples(parts["train"], parts["tune"], spec, function)
    return Setting(spec, function, parts, dataset, signature, learn)


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_candidates_that_are_no_better_are_promoted_at_most_at_the_stated_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Over 200 of them: the 99 % upper bound of the rate is at most 1.5 alpha (docs: statistics)."""
    spec = read(FLIGHTS / "service.yaml", Service)
    function = load(spec.data.features or "", FLIGHTS)
    rows = load(spec.data.reader, FLIGHTS)(None)

    settings = [setting(spec, function, rows, as_of) for as_of in WINDOWS]
    found = [here.verdict(100 * place + pair) for place, here in enumerate(settings) for pair in range(PAIRS)]

    outcomes = Counter(verdict.outcome for verdict in found)
    gains = [finding.outcome for verdict in found for finding in verdict.findings if finding.rule == "gain auc"]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(found)} null candidates: {dict(outcomes)}; the rule `gain` alone: {dict(Counter(gains))}; "
            f"promoted at most {upper_bound(outcomes['pass'], len(found)):.1%} at 99 %, allowed {1.5 * ALPHA:.1%}\n"
        )
    assert len(found) >= 200
    assert (
        len({finding.numbers for verdict in found for finding in verdict.findings if finding.rule == "gain auc"}) > 200
    )
    assert upper_bound(outcomes["pass"], len(found)) <= 1.5 * ALPHA
    assert upper_bound(gains.count("pass"), len(found)) <= 1.5 * ALPHA
