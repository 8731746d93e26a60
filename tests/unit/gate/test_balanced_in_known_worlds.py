"""From predictions to the verdict of the unmodified balanced pack, in worlds where the right answer is known."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from headgate.evaluate.measure import measure
from headgate.gate.judge import judge
from headgate.gate.packs import load
from headgate.names import Digest, Uri
from headgate.records.judgement import Latency, Verdict
from headgate.specs.gate import Gate
from headgate.specs.service import Service, Task
from unit.evaluate.worlds import binary_world, days_of, frame_of
from unit.gate.evidence import ANCHOR, CHAMPION, GATE, model, service
from unit.gate.trials import LEVEL, lower_bound, upper_bound

ROWS, DAYS = 4000, 40


def verdict(frame: pl.DataFrame, spec: Service | None = None) -> Verdict:
    """Return what balanced says about a predictions frame."""
    service_spec = spec or service()
    champion = model(CHAMPION) if any(name.split(".")[0] == "champion" for name in frame.columns) else None
    anchor = model(ANCHOR) if any(name.split(".")[0] == "anchor" for name in frame.columns) else None
    evidence = measure(
        frame,
        service_spec,
        model=model(),
        champion=champion,
        anchor=anchor,
        latency=Latency(p50_ms=0.4, p99_ms=1.2, calls=300),
        leaks=(),
        overlap_rows=0,
        look=1,
        predictions_uri=Uri("x"),
        predictions_sha256=Digest("b" * 64),
        window=GATE,
    )
    pack = load(Gate(), service_spec.metrics[0])
    return judge(evidence, pack, service_spec, champion.sha256 if champion else None)


def first_model(task: Task, seed: int, *, signal: float) -> pl.DataFrame:
    """Return predictions of a first model that sees the answer as clearly as `signal` says; 0 is a shuffled label."""
    rng = np.random.default_rng(seed)
    if task == "binary":
        frame = binary_world(rng, ROWS, DAYS)
        frame = frame if signal else frame.with_columns(label=pl.Series(rng.permutation(frame["label"].to_numpy())))
        return frame.drop("champion", "anchor")
    if task == "regression":
        label = rng.normal(size=ROWS) * 30 + 100
        guess = 100 + signal * (label - 100) + rng.normal(size=ROWS) * 10
        return frame_of(label, days_of(ROWS, DAYS), {"candidate": guess, "baseline": 100.0})
    return three_classes(rng, signal)


def three_classes(rng: np.random.Generator, signal: float) -> pl.DataFrame:
    codes = rng.integers(0, 3, ROWS)
    odds = np.exp(rng.normal(size=(ROWS, 3)) * 0.5 + 2 * signal * np.eye(3)[codes])
    shares = odds / odds.sum(axis=1, keepdims=True)
    columns: dict[str, Any] = {f"candidate.{name}": shares[:, code] for code, name in enumerate("abc")}
    columns |= {f"baseline.{name}": np.full(ROWS, 1 / 3) for name in "abc"}
    facts = frame_of(np.zeros(ROWS), days_of(ROWS, DAYS), {})
    return facts.with_columns(
        label=pl.Series(["abc"[code] for code in codes]), **{k: pl.Series(v) for k, v in columns.items()}
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_first_model_that_learned_something_passes(task: Task) -> None:
    """No champion, a real signal: promoted, whatever the task."""
    found = verdict(first_model(task, 1, signal=0.9), service(task))

    assert found.outcome == "pass", [f for f in found.findings if f.outcome != "pass"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("seed", range(5))
def test_a_first_model_of_a_shuffled_label_fails(task: Task, seed: int) -> None:
    """Nothing was learned: refused, and not merely undecided."""
    found = verdict(first_model(task, seed, signal=0.0), service(task))

    assert found.outcome == "fail"
    assert "baseline" in {f.rule.split()[0] for f in found.findings if f.outcome == "fail"}


def test_a_candidate_that_sees_more_replaces_the_champion() -> None:
    """A real gain over sixty days passes every rule."""
    frame = binary_world(np.random.default_rng(2), 6000, 60, clustered=False, candidate=1.5, champion=1.0)

    found = verdict(frame)

    assert found.outcome == "pass", [f for f in found.findings if f.outcome != "pass"]


def test_a_candidate_that_sees_less_is_refused() -> None:
    """A real loss fails."""
    frame = binary_world(np.random.default_rng(3), 6000, 60, clustered=False, candidate=0.8, champion=1.2)

    assert verdict(frame).outcome == "fail"


def test_the_same_model_under_another_name_is_a_tie() -> None:
    """Equal predictions keep the champion, and the tie is said."""
    frame = binary_world(np.random.default_rng(4), 2000, 30).with_columns(champion=pl.col("candidate"))

    found = verdict(frame)

    gain = next(finding for finding in found.findings if finding.rule.startswith("gain"))
    assert found.outcome == "fail"
    assert "a tie keeps the champion" in gain.reason


def promoted(trials: int, rows: int, *, clustered: bool) -> int:
    """Return how many candidates as good as the champion were promoted."""
    rng = np.random.default_rng(5)
    worlds = (binary_world(rng, rows, 30, clustered=clustered) for _ in range(trials))
    return sum(verdict(world).outcome == "pass" for world in worlds)


@pytest.mark.parametrize("clustered", [False, True], ids=["independent", "clustered"])
def test_null_candidates_are_seldom_promoted(*, clustered: bool) -> None:
    """Trials that `make test` has time for don't show a rate beyond 1.5 times the level of a first look."""
    found = promoted(150, 600, clustered=clustered)

    assert lower_bound(found, 150) <= 1.5 * LEVEL, found


@pytest.mark.full
@pytest.mark.parametrize("clustered", [False, True], ids=["independent", "clustered"])
def test_null_candidates_are_seldom_promoted_over_many_trials(*, clustered: bool) -> None:
    """The 99 % upper bound of the rate, over the whole pack, is at most 1.5 times the level of a first look."""
    found = promoted(2500, 1500, clustered=clustered)

    assert upper_bound(found, 2500) <= 1.5 * LEVEL, found
