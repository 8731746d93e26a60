"""A dataset is as fit as its worst part."""

from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl
import pytest

from headgate.collect import cut
from headgate.contract.infer import infer
from headgate.contract.split import fitting_split
from headgate.names import Digest, Name
from headgate.records.codec import decode, encode
from headgate.records.dataset import DatasetManifest, ValidationReport, dataset_of
from headgate.specs.contract import Column, Contract
from headgate.specs.service import Service
from headgate.validate import validate

DATASET = dataset_of(
    DatasetManifest(service=Name("demo"), rows=0, window=None, parts={}, contract=Digest("c" * 64), source="x.csv")
)
CONTRACT = Contract(
    columns={"x": Column(type="number", min=0, max=10), "late": Column(type="boolean", role="label")}, min_rows=6
)
GOOD = pl.DataFrame({"x": [0.5, 1.5, 2.5], "late": [True, False, True]})


def report(**parts: pl.DataFrame) -> ValidationReport:
    return validate(DATASET, parts, CONTRACT)


@pytest.mark.parametrize("part", ["train", "tune", "gate"])
def test_one_bad_part_fails_the_dataset(part: str) -> None:
    """The check says which part it was."""
    poisoned = GOOD.with_columns(x=pl.lit(None, dtype=pl.Float64))

    found = report(**{"train": GOOD, "tune": GOOD, "gate": GOOD, part: poisoned})

    assert found.outcome == "fail"
    assert [c.name for c in found.checks if c.outcome == "fail"] == [f"nulls {part}"]


def test_an_empty_part_fails() -> None:
    """No rows keep every promise; that is no reason to pass."""
    assert report(train=GOOD, tune=GOOD, gate=GOOD.clear()).outcome == "fail"


def test_fewer_rows_than_the_contract_asks_fail_over_all_parts() -> None:
    """`min_rows` is about the dataset."""
    found = report(train=GOOD)

    assert [(c.name, c.detail) for c in found.checks if c.outcome == "fail"] == [("rows dataset", "3 rows, at least 6")]


def test_warnings_alone_warn() -> None:
    """A hotter summer stops no run."""
    assert report(train=GOOD, gate=GOOD.with_columns(x=pl.col("x") + 9)).outcome == "warn"


def test_rows_that_keep_the_contract_pass_and_the_report_is_a_record() -> None:
    """Every check is in it, the passed ones too."""
    found = report(train=GOOD, tune=GOOD, gate=GOOD)

    assert found.outcome == "pass"
    assert len(found.checks) > 9
    assert decode(encode(found), ValidationReport) == found


@pytest.mark.parametrize("time", ["at", None])
@pytest.mark.parametrize("rows_count", [60, 400, 3000])
def test_a_contract_inferred_from_rows_is_kept_by_the_parts_cut_from_them(time: str | None, rows_count: int) -> None:
    """What `headgate init` writes runs as it is, where values go missing in spells too."""
    rows = storm(rows_count)
    service = {
        "service": "demo",
        "task": "binary",
        "data": {"reader": "x.csv", "label": {"column": "late"}, "time": time},
    }
    spec = msgspec.convert(service, Service)
    if time:
        spec = msgspec.structs.replace(spec, split=fitting_split(rows, time))

    parts = cut(rows, spec)
    found = validate(DATASET, parts, infer(rows, "late", time))

    assert [check for check in found.checks if check.outcome == "fail"] == []


def storm(rows_count: int) -> pl.DataFrame:
    """Return rows with a seldom class, rare words, and values that go missing at random and in one spell."""
    draws = [(n * 7919) % 1000 for n in range(rows_count)]
    start = datetime(2013, 1, 1, tzinfo=UTC)
    spell = range(rows_count // 2, rows_count // 2 + rows_count // 20)
    return pl.DataFrame(
        {
            "at": [start + timedelta(minutes=45 * n) for n in range(rows_count)],
            "late": [draw % 5 == 0 for draw in draws],
            "temp": [None if draw < 30 else draw / 10 for draw in draws],
            "gust": [None if n in spell else float(draw) for n, draw in enumerate(draws)],
            "word": ["rare" if draw < 5 else "often" for draw in draws],
        }
    )
