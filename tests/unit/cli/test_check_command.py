"""`headgate check` finds on a hundred rows what would stop a long run."""

import re
from pathlib import Path

import polars as pl
import pytest

from unit.cli.terminal import Terminal, orders

STEPS = ["service.yaml", "contract", "reader", "data", "features", "policy", "train", "request"]
FEATURES = """
import polars as pl

def features(rows: pl.DataFrame, as_of: object) -> pl.DataFrame:
    return {body}
"""
FIT = """
def fit(train, tune, params, seed):
    {body}
"""


@pytest.fixture
def begun(terminal: Terminal) -> Terminal:
    """A folder with a service of its own."""
    orders(400).write_csv(terminal.folder / "orders.csv")
    terminal("init", "--data", "orders.csv", "--label", "late")
    return terminal


def change(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def add(path: Path, under: str, line: str) -> None:
    """Put a line after the one that begins with `under`."""
    lines = path.read_text().splitlines()
    at = next(i for i, found in enumerate(lines) if found.startswith(under))
    path.write_text("\n".join([*lines[: at + 1], line, *lines[at + 1 :]]) + "\n")


def test_every_step_says_a_line(begun: Terminal) -> None:
    """In the order of the journey, and then the next move."""
    said = begun("check")

    assert 0 == said.code, said.err
    assert STEPS == re.findall(r"^ok    (\S+)", said.out, re.MULTILINE)
    assert said.out.endswith("next: headgate run\n")


def test_it_leaves_nothing_behind(begun: Terminal) -> None:
    """No dataset, no model, no look at the gate rows."""
    begun("check")

    assert not (begun.folder / ".headgate" / "store" / "datasets").exists()
    assert not (begun.folder / ".headgate" / "latest").exists()


BROKEN = [
    ("service.yaml", "service.yaml", ("task: binary", "task: binry"), "Did you mean 'binary'?"),
    ("service.yaml", "service.yaml", ("task: binary", "tsk: binary"), "unknown key 'tsk'. Did you mean 'task'?"),
    ("service.yaml", "service.yaml", ("task: binary", "task: ["), "is not YAML"),
    ("contract", "contract.yaml", ("columns:", "colums:"), "unknown key 'colums'"),
    ("reader", "service.yaml", ("reader: orders.csv", "reader: order.csv"), "Did you mean 'orders.csv'?"),
    ("reader", "service.yaml", ("column: late", "column: lat"), "no column 'lat', which service.yaml names"),
    ("data", "contract.yaml", ("air, rail, road]", "air]\n    unseen: error"), "the rows break 1 of"),
    ("policy", "service.yaml", ("policy: balanced", "policy: balance"), "Did you mean 'balanced'?"),
    ("policy", "service.yaml", ("[auc, log_loss]", "[rmse]"), "'rmse', which a binary task has not"),
    ("policy", "service.yaml", ("[auc, log_loss]}", "[auc], slices: [carier]}"), "Did you mean 'carrier'?"),
    ("train", "service.yaml", ("entrypoint: boosting", "entrypoint: bosting"), "Did you mean 'boosting'?"),
]


@pytest.mark.parametrize(
    ("step", "file", "edit", "error"), BROKEN, ids=[f"{step} {edit[1][:20]}" for step, _, edit, _ in BROKEN]
)
def test_the_first_trouble_is_said_and_ends_in_1(
    begun: Terminal, step: str, file: str, edit: tuple[str, str], error: str
) -> None:
    """Steps before it are fine; those after it are not tried."""
    change(begun.folder / file, *edit)

    said = begun("check")

    assert 1 == said.code
    assert re.findall(r"^FAIL  (\S+)", said.out, re.MULTILINE) == [step]
    assert STEPS[: STEPS.index(step)] == re.findall(r"^ok    (\S+)", said.out, re.MULTILINE)
    assert error in said.err


def test_features_of_ones_own_that_fail_name_the_line(begun: Terminal) -> None:
    """The owner reads where in their own file it happened."""
    (begun.folder / "mine.py").write_text(FEATURES.format(body='rows.select("wieght")'))
    add(begun.folder / "service.yaml", "  reader", '  features: "mine:features"')

    said = begun("check")

    assert 1 == said.code
    assert "FAIL  features" in said.out
    assert "mine.py" in said.err


def test_training_code_that_fails_is_found_before_a_long_run(begun: Terminal) -> None:
    """As is one that does not convert."""
    (begun.folder / "mine.py").write_text(FIT.format(body="return object()"))
    change(begun.folder / "service.yaml", "entrypoint: boosting", 'entrypoint: "mine:fit"')

    said = begun("check")

    assert 1 == said.code
    assert "FAIL  train" in said.out


def test_features_that_differ_when_served_are_found(begun: Terminal) -> None:
    """A whole number that the door hands on as a decimal makes another text: one row, two answers."""
    rows = orders(400).with_columns(size=(pl.col("weight") * 3).round().cast(pl.Int64))
    rows.write_csv(begun.folder / "orders.csv")
    (begun.folder / "contract.yaml").unlink()
    (begun.folder / "service.yaml").unlink()
    begun("init", "--data", "orders.csv", "--label", "late")
    change(begun.folder / "contract.yaml", "  size:\n    type: integer", "  size:\n    type: number")
    body = 'rows.select(size=pl.col("size").cast(pl.String).str.len_chars())'
    (begun.folder / "mine.py").write_text(FEATURES.format(body=body))
    add(begun.folder / "service.yaml", "  reader", '  features: "mine:features"')

    said = begun("check")

    assert 1 == said.code
    assert "FAIL  request" in said.out
    assert "another when it is served" in said.err


def test_a_door_that_refuses_the_sources_own_rows_is_found(terminal: Terminal) -> None:
    """A number beyond 64 bits keeps the contract and fits into no request."""
    beyond = pl.Series("serial", [2**63 + i % 7 for i in range(400)], dtype=pl.UInt64)
    orders(400).with_columns(beyond).write_parquet(terminal.folder / "orders.parquet")
    terminal("init", "--data", "orders.parquet", "--label", "late")

    said = terminal("check")

    assert 1 == said.code
    assert "FAIL  request" in said.out
    assert "'serial'" in said.err
