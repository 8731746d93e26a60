"""Candidates that are no better, judged on real flights by `balanced`: how many are promoted?

Two models of one recipe, with other seeds, still differ a little, and one of them truly is the better: how often such
siblings are promoted is measured and told, and no bound holds for it. The null that is exact: the two change roles by
coin, cluster by cluster. Given all answers and labels only the coins are left to chance, and turning all of them over
makes the candidate the champion: neither can be the better one, and outcomes of different coin vectors are independent,
whether or not their pairs share a window or a day. So passes are a sum of independent draws, each with its pair's own
chance, and the Clopper-Pearson bound holds for the mean of these chances (Hoeffding 1956): it is a level over the 208
pairs and 13 windows that were drawn, not over all that could be.
"""

import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from headgate import features
from headgate.adapters.usercode import load
from headgate.collect import cut, describe
from headgate.evaluate.measure import measure
from headgate.evaluate.overlap import overlap_rows
from headgate.evaluate.predict import predict, trivial
from headgate.features import FeatureFunction
from headgate.gate import packs
from headgate.gate.judge import judge
from headgate.models.encoding import encode
from headgate.models.signature import Signature
from headgate.names import Digest, Uri
from headgate.records.codec import digest_of
from headgate.records.dataset import DatasetRef
from headgate.records.judgement import Estimate, Finding, Latency, Verdict
from headgate.records.model import Model
from headgate.specs.reading import read
from headgate.specs.service import Service
from headgate.stats.clustered import interval, paired
from headgate.stats.metrics import score
from headgate.stats.spending import alpha_at
from headgate.train.fit import samples
from headgate.train.sample import Sample
from unit.gate.trials import ALPHA, LEVEL, lower_bound, upper_bound

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
WINDOWS = [datetime(2013, 4, 1, 12, tzinfo=UTC) + timedelta(days=21 * place) for place in range(13)]
PAIRS = 16
"""A window; every pair has a champion and a candidate of its own, so that no champion's luck counts twice."""
COINS = 30
"""Vectors of coins a pair: 6,240 in all tell 1.9 % from 2.8 %."""
LEARNED_ROWS = 15_000
"""At most; the same rows for both. Bootstrapped rows would make models that truly differ, and some truly better."""
RECIPE = {"max_iter": 100, "max_leaf_nodes": 15, "min_samples_leaf": 200, "early_stopping": False, "max_features": 0.5}
"""The service's, but that each split looks at half of the columns: so the seed matters, and nothing else does."""
QUICK = Latency(p50_ms=0.1, p99_ms=0.2, calls=300)
pytestmark = [pytest.mark.full, pytest.mark.timeout(1200), pytest.mark.xdist_group("nulls")]


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

    def answers(self, seed: int) -> pl.DataFrame:
        """Return what two models that differ in their seeds only say of the gate rows; the champion is the anchor."""
        candidate, champion = self.refit(2 * seed), self.refit(2 * seed + 1)
        roles = {"candidate": candidate, "champion": champion, "anchor": champion}
        baseline = trivial(self.learn.y, "binary", self.signature.classes)
        return predict(self.parts["gate"], self.spec, self.function, roles, baseline)

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

    def verdict(self, frame: pl.DataFrame) -> Verdict:
        """Judge the answers of one candidate and one champion by the unmodified pack."""
        candidate, champion = self.record(0), self.record(1)
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


class Nulls(NamedTuple):
    """What came of all pairs."""

    siblings: list[Verdict]
    swaps: int
    gains: int
    """Swaps that the rule `gain` passes."""
    promoted: int
    """Those of them that the whole pack passes."""
    row_by_row: int
    """Swaps that `gain` would pass if rows were taken as independent."""


def named(what: str) -> Digest:
    return digest_of(what.encode())


def setting(spec: Service, function: FeatureFunction, rows: pl.DataFrame, as_of: datetime) -> Setting:
    parts = cut(rows.filter(pl.col("scheduled_departure") < as_of.replace(tzinfo=None)), spec, as_of)
    files = {part: (f"{part}.parquet", named(f"{part} {as_of}")) for part in parts}
    dataset = describe(parts, files, spec, named("contract"), "flights")
    signature, learn, _ = samples(parts["train"], parts["tune"], spec, function)
    return Setting(spec, function, parts, dataset, signature, learn)


def swapped(frame: pl.DataFrame, coins: np.random.Generator) -> pl.DataFrame:
    """Return the answers with candidate and champion changed in about half of the clusters."""
    codes = frame["cluster"].rank("dense").to_numpy() - 1
    heads = pl.Series((coins.random(codes.max() + 1) < 0.5)[codes])
    champion = pl.when(heads).then("candidate").otherwise("champion")
    return frame.with_columns(
        candidate=pl.when(heads).then("champion").otherwise("candidate"), champion=champion, anchor=champion
    )


def gains(frame: pl.DataFrame, *, clustered: bool = True) -> bool:
    """Say whether the candidate's AUC is credibly above the champion's at a first look: what the rule `gain` asks."""
    known = frame.filter(pl.col("label").is_not_null())
    label, candidate, champion = (known[name].to_numpy() for name in ("label", "candidate", "champion"))
    delta = paired(
        score("auc", label, candidate),
        score("auc", label, champion),
        known["cluster"].to_numpy() if clustered else None,
    )
    assert isinstance(delta, Estimate)
    return interval(delta, alpha_at(1, ALPHA))[0] > 0


def gain_of(verdict: Verdict) -> Finding:
    return next(finding for finding in verdict.findings if finding.rule == "gain auc")


def tried(here: Setting, seed: int) -> Nulls:
    """Judge one pair as it is, and with its roles changed by coin."""
    frame, coins = here.answers(seed), np.random.default_rng(seed)
    sibling = here.verdict(frame)
    assert gains(frame) == (gain_of(sibling).outcome == "pass")
    passed, row_by_row = [], 0
    for _ in range(COINS):
        swap = swapped(frame, coins)
        row_by_row += gains(swap, clustered=False)
        if gains(swap):
            passed.append(here.verdict(swap))
    assert all(gain_of(verdict).outcome == "pass" for verdict in passed)
    promoted = sum(verdict.outcome == "pass" for verdict in passed)
    return Nulls(siblings=[sibling], swaps=COINS, gains=len(passed), promoted=promoted, row_by_row=row_by_row)


@pytest.fixture(scope="module")
def nulls() -> Nulls:
    """Return what came of every pair; one thread, for trees this small are no quicker with more."""
    spec = read(FLIGHTS / "service.yaml", Service)
    function = load(spec.data.features or "", FLIGHTS)
    rows = load(spec.data.reader, FLIGHTS)(None)
    with threadpool_limits(1):
        found = [
            tried(here, 100 * place + pair)
            for place, here in enumerate(setting(spec, function, rows, as_of) for as_of in WINDOWS)
            for pair in range(PAIRS)
        ]
    counts = [sum(each[place] for each in found) for place in range(1, len(Nulls._fields))]
    return Nulls([one for each in found for one in each.siblings], *counts)


def tell(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{line}\n")


def test_models_that_change_roles_by_coin_are_promoted_at_most_at_the_stated_level(
    nulls: Nulls, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    """The 99 % upper bound is at most 1.5 times a first look's 1.875 %, by `gain` alone and by the whole pack."""
    tell(
        capsys,
        f"{nulls.swaps:,} swaps of {len(nulls.siblings)} pairs: `gain` passes {nulls.gains} "
        f"({nulls.gains / nulls.swaps:.2%}, at most {upper_bound(nulls.gains, nulls.swaps):.2%} at 99 %), "
        f"the pack promotes {nulls.promoted}; the level is {LEVEL:.3%}, allowed {1.5 * LEVEL:.2%}",
    )
    record_property("null swaps, gains, promoted", (nulls.swaps, nulls.gains, nulls.promoted))

    assert len(nulls.siblings) >= 200
    assert upper_bound(nulls.gains, nulls.swaps) <= 1.5 * LEVEL
    assert upper_bound(nulls.promoted, nulls.swaps) <= 1.5 * LEVEL


def test_with_rows_taken_as_independent_they_would_pass_too_often(
    nulls: Nulls, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same swaps, unclustered: the bound above can be broken, and `data.cluster` is what keeps it."""
    tell(capsys, f"taken row by row `gain` would pass {nulls.row_by_row} ({nulls.row_by_row / nulls.swaps:.1%})")

    assert lower_bound(nulls.row_by_row, nulls.swaps) > 5 * LEVEL


def test_siblings_are_judged_and_told(
    nulls: Nulls, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    """Candidates of the champion's recipe with other seeds, over 200: some truly are a little better."""
    outcomes = Counter(verdict.outcome for verdict in nulls.siblings)
    passed = sum(gain_of(verdict).outcome == "pass" for verdict in nulls.siblings)
    tell(capsys, f"{len(nulls.siblings)} siblings: {dict(outcomes)}; the rule `gain` alone passes {passed}")
    record_property("siblings", dict(outcomes))

    assert len({gain_of(verdict).numbers for verdict in nulls.siblings}) >= 200
