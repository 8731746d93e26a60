"""The model card."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from makings import SIGNATURE

from headgate.models.card import card, plain
from headgate.names import Digest, Name, Uri
from headgate.records.dataset import DataPart, DatasetRef, Window
from headgate.records.judgement import Estimate, Evaluation, Finding, Latency, Leak, Measured, Slice, Verdict
from headgate.records.model import Model, Trial

YEAR = Window(start=datetime(2013, 1, 1, tzinfo=UTC), end=datetime(2013, 12, 31, tzinfo=UTC))


def dataset(source: str = "flights.data:read") -> DatasetRef:
    parts = {
        name: DataPart(path=f"{name}.parquet", sha256=Digest("d" * 64), rows=rows, window=YEAR, labels_missing=3)
        for name, rows in (("gate", 500), ("train", 12345), ("tune", 700))
    }
    return DatasetRef(
        service=Name("flights"),
        uri=Uri("datasets/flights/a"),
        sha256=Digest("a" * 64),
        rows=13545,
        window=YEAR,
        parts=parts,
        contract=Digest("c" * 64),
        source=source,
    )


def model(**changes: Any) -> Model:
    made = Model(
        service=Name("flights"),
        version="2013-12-31-eeeeeeeeeeee",
        uri=Uri("models/flights/e"),
        sha256=Digest("e" * 64),
        task="binary",
        dataset=dataset(),
        train_end=YEAR.end,
        tune_end=YEAR.end,
        code="f" * 64,
        commit="b" * 40,
        params={"max_iter": 100},
        seed=7,
        lock="9" * 64,
        trainer="boosting",
        trials=(Trial(params={"max_iter": 50}, score=0.71),),
        parity=2e-7,
    )
    return msgspec.structs.replace(made, **changes)


def evaluation() -> Evaluation:
    estimate = Estimate(value=0.712345, standard_error=0.0123, rows=500, clusters=21)
    return Evaluation(
        model=model(),
        champion=None,
        anchor=None,
        window=YEAR,
        rows=500,
        clusters=21,
        clustered_by="day",
        metrics=(
            Measured(metric="auc", role="candidate", estimate=estimate),
            Measured(metric="auc", role="baseline", estimate=None, reason="one class"),
        ),
        comparisons=(),
        slices=(
            Slice(name="origin=EWR", metric="auc", candidate=0.7, champion=0.6, delta=estimate, rows=90, clusters=21),
            Slice(name="origin=JFK", metric="auc", candidate=None, champion=None, delta=None, rows=1, clusters=1),
        ),
        calibration=(),
        latency=Latency(p50_ms=0.05, p99_ms=0.4, calls=100),
        leaks=(Leak(feature="hour", score=0.66),),
        labels_missing=12,
        rows_missing_share=0.024,
        overlap_rows=0,
        duplicate_ids=0,
        predictions_uri=Uri("predictions/1"),
        predictions_sha256=Digest("1" * 64),
        look=1,
    )


def verdict() -> Verdict:
    return Verdict(
        service=Name("flights"),
        outcome="pass",
        findings=(Finding(rule="gain auc", outcome="pass", reason="0.02 better", limit="> 0"),),
        policy="balanced@0123456789ab",
        alpha=0.05,
        look=1,
        model=model(),
        champion=None,
        anchor=None,
        evaluation=Digest("7" * 64),
        judged_at=None,
    )


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "a|b\n# title", "@somebody `x`", "![x](http://x)"])
def test_what_a_person_typed_is_shown_literally(hostile: str) -> None:
    """A card is rendered by MLflow and by forges; names must not become markup."""
    text = card(model(dataset=dataset(hostile)), owner=hostile)

    assert hostile not in text
    assert "\n# title" not in text
    assert "<script" not in text
    assert plain(hostile) in text


def test_a_card_tells_data_verdict_quality_inputs_and_provenance() -> None:
    """Everything a reviewer asks, from the records."""
    text = card(model(), SIGNATURE, verdict(), evaluation(), owner="ops")

    for expected in (
        "# flights 2013-12-31-eeeeeeeeeeee",
        "Owner: ops.",
        "| train | 12,345 | 2013-01-01 to 2013-12-31 | 3 |",
        "## Verdict: pass",
        "| gain auc | pass | &gt; 0 | 0.02 better |",
        "| auc | 0.7123 ± 0.012 | - |",
        "| origin=EWR | auc | 0.6 | 0.7 |",
        "One row takes 0.05 ms of CPU time (median), 0.40 ms (p99).",
        "| carrier | category | AA, UA |",
        "| max\\_iter | 100 |",
        "| 0.71 | max\\_iter=50 |",
        "It saw nothing after 2013-12-31",
        "12 gate rows (2.4%) have no label",
        "strongest single feature is hour (0.660 on its own)",
        f"| packages | {'9' * 64} |",
        f"Commit of the service's code: `{'b' * 40}`",
    ):
        assert expected in text


def test_parts_are_in_the_order_of_their_use() -> None:
    """Train, tune, gate, whatever the order of the record."""
    text = card(model())

    assert text.index("| train |") < text.index("| tune |") < text.index("| gate |")


def test_what_is_not_known_is_left_out() -> None:
    """A model that nobody judged yet has a card, without empty headings."""
    text = card(model(commit=None, tune_end=None, params={}, trials=()))

    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Data",
        "## Fitting",
        "## Beware",
        "## Provenance",
    ]
    assert "not in Git" in text
    assert "no event time" in text
    assert "None" not in text


def test_the_same_records_give_the_same_card() -> None:
    """It is kept by digest."""
    assert card(model(), SIGNATURE, verdict(), evaluation()) == card(model(), SIGNATURE, verdict(), evaluation())
