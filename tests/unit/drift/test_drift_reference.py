"""How many rows does a judgement take, and what is kept of the training rows?"""

from datetime import timedelta

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.drift.kept import Reference
from headgate.drift.place import uri
from headgate.drift.reference import build
from headgate.drift.report import report
from headgate.records.codec import decode, digest, encode
from headgate.specs.drift import Drift
from unit.drift.judging import POLICY, column, judged, reference, week
from unit.drift.weather import MODEL, PROD, SPEC, times, window


def test_a_column_with_too_many_categories_for_the_rows_is_not_judged_and_says_how_many_it_takes() -> None:
    """150 destinations in 500 rows differ by chance; the same number of rows is enough for two."""
    random = np.random.default_rng(6)
    names = np.array([f"d{i:03}" for i in range(150)])
    many = pl.DataFrame({"dest": random.choice(names, 8400), "origin": random.choice(["EWR", "JFK"], 8400)})
    spec = msgspec.structs.replace(SPEC, drift=Drift(min_rows=20, window=timedelta(days=35)))
    made = build(many, times(10), spec, MODEL)

    found = report(many.head(250), None, made, spec.drift, window(0), environment=PROD)

    assert [one.outcome for one in found.columns] == ["insufficient_data", "stable"]
    assert column(found, "dest").reason.startswith("250 rows, about ")
    needed = int(column(found, "dest").reason.split("about ")[1].split()[0].replace(",", ""))
    enough = report(many.head(int(needed * 1.15)), None, made, spec.drift, window(0), environment=PROD)
    assert column(enough, "dest").outcome == "stable"


def test_a_reference_survives_its_store_byte_by_byte_and_is_small() -> None:
    """Canonical JSON, so that the report can name its digest."""
    content = encode(reference())

    assert encode(decode(content, Reference)) == content
    assert len(content) < 12_000
    assert judged(week()).reference == digest(reference())


def test_another_window_has_another_reference() -> None:
    """Blocks are as long as the windows they judge."""
    longer = msgspec.structs.replace(SPEC, drift=Drift(window=timedelta(days=14)))

    assert uri(SPEC, MODEL) != uri(longer, MODEL)


@given(seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_a_constant_column_is_stable_until_it_changes(seed: int) -> None:
    """One bin, a defined distance of 0, then of 1."""
    value = float(np.random.default_rng(seed).normal())
    constant = pl.DataFrame({"fuel": np.full(1000, value)})
    made = build(constant, None, SPEC, MODEL)

    same, other = (
        report(constant + shift, None, made, POLICY, window(0), environment=PROD).columns[0] for shift in (0.0, 1.0)
    )

    assert (same.outcome, same.distance) == ("stable", 0.0)
    assert (other.outcome, other.distance) == ("drifted", pytest.approx(1.0))
