"""What `init --data` makes of rows it has never seen."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.cli.first import service_name
from headgate.cli.guessing import guess
from headgate.contract.rules import check
from headgate.errors import PermanentError
from headgate.names import name
from headgate.specs.contract import Contract
from headgate.specs.gate import EnoughRows, NoLeak
from headgate.specs.reading import read
from headgate.specs.service import Service
from unit.cli.terminal import Terminal, orders

NOW = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 400
DRAW = np.random.default_rng(7)
HOURS = [datetime(2023, 1, 1) + timedelta(hours=3 * i) for i in range(ROWS)]  # noqa: DTZ001 - naive means UTC


def rows(**columns: Any) -> pl.DataFrame:
    """Return two honest numbers and whatever else a test is about; `y` is the label."""
    honest = {"a": DRAW.normal(size=ROWS), "b": DRAW.normal(size=ROWS), "y": DRAW.integers(0, 2, ROWS)}
    return pl.DataFrame({**honest, **columns})


@given(st.text(max_size=60))
def test_every_file_name_makes_a_service_name(text: str) -> None:
    """Whatever a file is called, what it makes is a Name."""
    made = service_name(Path(text.replace("/", "").replace("\0", "") + ".csv"))

    assert made == name(made)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("iris.csv", "iris"),
        ("Iris Data (final).csv", "iris-data-final"),
        ("2024_sales.csv.gz", "sales"),
        ("prénoms.parquet", "prenoms"),
        ("数据.csv", "service"),
        (".csv", "csv"),
        ("a" * 80 + ".csv", "a" * 40),
    ],
)
def test_a_service_bears_its_files_name(file: str, expected: str) -> None:
    """As far as a name can."""
    assert expected == service_name(Path(file))


TASKS: list[tuple[str, Any, str]] = [
    ("0 and 1", DRAW.integers(0, 2, ROWS), "binary"),
    ("-1 and 1", DRAW.choice([-1, 1], ROWS), "binary"),
    ("yes and no", DRAW.choice(["yes", "no"], ROWS), "binary"),
    ("true and false", DRAW.random(ROWS) < 0.5, "binary"),
    ("0.0 and 1.0", DRAW.integers(0, 2, ROWS).astype(float), "binary"),
    ("0.5 and 1.5", DRAW.choice([0.5, 1.5], ROWS), "regression"),
    ("three words", DRAW.choice(["low", "mid", "high"], ROWS), "multiclass"),
    ("ten digits", DRAW.integers(0, 10, ROWS), "multiclass"),
    ("counts up to 60", DRAW.integers(0, 60, ROWS), "regression"),
    ("numbers", DRAW.normal(size=ROWS), "regression"),
]


@pytest.mark.parametrize(("label", "expected"), [case[1:] for case in TASKS], ids=[case[0] for case in TASKS])
def test_the_labels_values_say_the_task(label: Any, expected: str) -> None:
    """Few words or whole numbers are classes, the rest is a number; why is always said."""
    found = guess(rows(y=label), "y", None, NOW)

    assert expected == found.task
    assert found.why["task"]


TIMES: list[tuple[str, dict[str, Any], str | None]] = [
    ("a moment by its name", {"created_at": HOURS}, "created_at"),
    ("a moment without a telling name", {"when": HOURS}, "when"),
    ("a date as text", {"order date": [f"{moment:%Y-%m-%d}" for moment in HOURS]}, "order date"),
    ("the finer of two", {"day": [moment.date() for moment in HOURS], "timestamp": HOURS}, "timestamp"),
    ("a birthday", {"date_of_birth": [moment.date() for moment in HOURS]}, None),
    ("a date to come", {"due date": [date(2030, 1, 1) + timedelta(days=i) for i in range(ROWS)]}, None),
    ("with gaps", {"date": [None, *(moment.date() for moment in HOURS[1:])]}, None),
    ("a few days, not named like a time", {"on": [moment.date() for moment in HOURS]}, None),
    ("always the same", {"date": [HOURS[0]] * ROWS}, None),
    ("numbers", {"time": DRAW.normal(size=ROWS)}, None),
]


@pytest.mark.parametrize(("columns", "expected"), [case[1:] for case in TIMES], ids=[case[0] for case in TIMES])
def test_event_time_is_complete_and_past(columns: dict[str, Any], expected: str | None) -> None:
    """A birthday, a deadline or a column with gaps cuts no rows."""
    found = guess(rows(**columns), "y", None, NOW)

    assert expected == found.time


IGNORED: list[tuple[str, dict[str, Any], str]] = [
    ("one value", {"x": ["same"] * ROWS}, "one value"),
    ("no value", {"x": [None] * ROWS}, "empty"),
    ("names", {"x": [f"name {i}" for i in range(ROWS)]}, "names, not categories"),
    ("lists", {"x": [[1, 2]] * ROWS}, "no word for it"),
    ("durations", {"x": [timedelta(hours=i) for i in range(ROWS)]}, "no word for it"),
    ("bytes", {"x": [b"\xff\x00"] * ROWS}, "no word for it"),
    ("infinite", {"x": [float("inf"), *DRAW.normal(size=ROWS - 1)]}, "infinite in 1 of 400 rows"),
    ("in step with time", {"created_at": HOURS, "x": [m + timedelta(days=1) for m in HOURS]}, "moves with"),
]


@pytest.mark.parametrize(("columns", "reason"), [case[1:] for case in IGNORED], ids=[case[0] for case in IGNORED])
def test_a_column_that_teaches_nothing_is_ignored_with_its_reason(columns: dict[str, Any], reason: str) -> None:
    """The reason becomes the comment beside it."""
    found = guess(rows(**columns), "y", None, NOW)

    assert reason in found.ignored["x"]


def test_a_time_that_cannot_cut_the_rows_is_let_go(terminal: Terminal) -> None:
    """Said with --time it is refused; guessed, the rows are drawn by hash."""
    moments = [HOURS[0]] * 380 + HOURS[1:21]
    rows(created_at=moments).write_parquet(terminal.folder / "rows.parquet")

    said = terminal("init", "--data", "rows.parquet", "--label", "y", "--time", "created_at")
    guessed = terminal("init", "--data", "rows.parquet", "--label", "y")

    assert (1, 0) == (said.code, guessed.code)
    assert "leave --time out" in said.err
    assert read(terminal.folder / "service.yaml", Service).data.time is None


def test_a_row_number_without_a_name_is_ignored() -> None:
    """What a data frame's index leaves in a CSV file is neither an id nor a feature."""
    found = guess(rows(**{"": range(ROWS)}), "y", None, NOW)

    assert "row number" in found.ignored[""]
    assert () == found.ids


def test_a_unique_id_names_the_rows() -> None:
    """It is no feature."""
    found = guess(rows(order_id=DRAW.permutation(ROWS) + 5000), "y", None, NOW)

    assert ("order_id",) == found.ids


def test_an_id_of_several_rows_keeps_them_together() -> None:
    """Rows of one customer are dependent: they share a part, and intervals know of it."""
    found = guess(rows(customer_id=DRAW.integers(0, 60, ROWS)), "y", None, NOW)

    assert "customer_id" == found.cluster


def test_an_id_of_very_many_rows_is_a_feature() -> None:
    """Three airports say what a flight is like, not whose it is."""
    found = guess(rows(airport_id=DRAW.integers(0, 3, ROWS)), "y", None, NOW)

    assert found.cluster is None


REFUSED: list[tuple[str, Callable[[], pl.DataFrame], str]] = [
    ("no such label", lambda: rows().rename({"y": "Y"}), "no column 'y'. Did you mean 'Y'?"),
    ("one class", lambda: rows(y=[1] * ROWS), "one value only, 1"),
    ("no label", lambda: rows(y=[None] * ROWS), "no value in 400 rows"),
    ("a moment", lambda: rows(y=HOURS), "expected a number, a word or a yes/no"),
    ("names", lambda: rows(y=[f"name {i}" for i in range(ROWS)]), "names, not classes"),
    ("infinite", lambda: rows(y=[float("inf"), *DRAW.normal(size=ROWS - 1)]), "infinite in 1 of 400 rows"),
    ("few rows", lambda: rows().head(20), "20 rows are too few"),
    ("no feature", lambda: rows(a=[1] * ROWS, b=[2] * ROWS), "no column is left to tell 'y' from"),
]


@pytest.mark.parametrize(("made", "error"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_rows_that_nothing_can_be_learned_from_are_refused(made: Callable[[], pl.DataFrame], error: str) -> None:
    """Before anything is written."""
    with pytest.raises(PermanentError, match=r".") as refused:
        guess(made(), "y", None, NOW)

    assert error in refused.value.message


STRANGE = {
    "größe in cm": DRAW.normal(size=ROWS),
    "price: €": DRAW.normal(size=ROWS) * 1000 - 500,
    'it\'s "quoted"': DRAW.choice(["a", "b'c", 'd"e', "#f", "no"], ROWS),
    "label": DRAW.normal(size=ROWS),
    "candidate": DRAW.normal(size=ROWS),
    "time": DRAW.normal(size=ROWS),
    "- yes": DRAW.integers(-5, 5, ROWS),
    "multi\nline": DRAW.normal(size=ROWS),
    "null": DRAW.choice(["x", None], ROWS).tolist(),
}
SETS: dict[str, tuple[pl.DataFrame, str]] = {
    "strange names": (rows(**STRANGE), "y"),
    "a strange label": (rows(**{"ja / nein?": DRAW.choice(["ja", "nein"], ROWS)}).drop("y"), "ja / nein?"),
    "event time": (rows(created_at=HOURS), "y"),
    "days": (rows(day=[moment.date() for moment in HOURS]), "y"),
    "short": (rows(at=[HOURS[0] + timedelta(seconds=i) for i in range(ROWS)]), "y"),
    "customers": (rows(customer_id=DRAW.integers(0, 60, ROWS)), "y"),
    "labels missing": (rows(y=DRAW.choice(["won", "lost", None], ROWS, p=[0.5, 0.4, 0.1]).tolist()), "y"),
    "amounts": (rows(y=DRAW.normal(size=ROWS) * 100), "y"),
    "amounts missing": (rows(y=np.where(DRAW.random(ROWS) < 0.1, np.nan, DRAW.normal(size=ROWS))), "y"),
    "counts": (rows(y=DRAW.poisson(30, ROWS)), "y"),
    "ten classes": (rows(y=DRAW.integers(0, 10, ROWS)), "y"),
    "no rows to spare": (rows().head(40), "y"),
}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("case", SETS)
def test_what_init_writes_reads_back_and_is_kept_by_its_own_rows(terminal: Terminal, case: str, suffix: str) -> None:
    """Both files are read as they are, and the contract breaks on no row it was inferred from."""
    frame, label = SETS[case]
    path = terminal.folder / f"rows.{suffix}"
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)

    said = terminal("init", "--data", path.name, "--label", label)

    assert (0, "") == (said.code, said.err)
    spec = read(terminal.folder / "service.yaml", Service)
    contract = read(terminal.folder / "contract.yaml", Contract)
    assert label == spec.data.label.column
    assert "balanced" == spec.gate.policy
    given = pl.read_csv(path, try_parse_dates=True) if suffix == "csv" else frame
    broken = [one for one in check(given, contract, "rows") if one.outcome == "fail"]
    assert [] == [(one.name, one.column, one.detail) for one in broken if one.column != spec.data.time]


def test_every_setting_bears_its_reason(terminal: Terminal) -> None:
    """Each line that init decided says why, or what else could be written."""
    orders().write_csv(terminal.folder / "orders.csv")

    terminal("init", "--data", "orders.csv", "--label", "late")

    lines = (terminal.folder / "service.yaml").read_text().splitlines()
    decided = ("service:", "task:", "reader:", "column:", "positive:", "train:", "policy:")
    bare = [line for line in lines if line.strip().startswith(decided) and "#" not in line]
    assert [] == bare


def test_init_twice_is_init_once(terminal: Terminal) -> None:
    """The same command again changes no byte."""
    orders().write_csv(terminal.folder / "orders.csv")
    terminal("init", "--data", "orders.csv", "--label", "late")
    before = [(terminal.folder / name).read_bytes() for name in ("service.yaml", "contract.yaml")]

    said = terminal("init", "--data", "orders.csv", "--label", "late")

    assert 0 == said.code
    assert before == [(terminal.folder / name).read_bytes() for name in ("service.yaml", "contract.yaml")]


def test_what_somebody_wrote_is_not_replaced(terminal: Terminal) -> None:
    """A service.yaml that says something else is a person's."""
    orders().write_csv(terminal.folder / "orders.csv")
    terminal("init", "--data", "orders.csv", "--label", "late")
    mine = (terminal.folder / "service.yaml").read_text().replace("balanced", "strict")
    (terminal.folder / "service.yaml").write_text(mine)

    said = terminal("init", "--data", "orders.csv", "--label", "late")

    assert 1 == said.code
    assert "service.yaml is there already" in said.err
    assert mine == (terminal.folder / "service.yaml").read_text()


def test_a_refused_init_writes_nothing(terminal: Terminal) -> None:
    """Not even a workspace."""
    orders().with_columns(late=pl.lit(1)).write_csv(terminal.folder / "orders.csv")

    said = terminal("init", "--data", "orders.csv", "--label", "late")

    assert 1 == said.code
    assert ["orders.csv"] == [path.name for path in terminal.folder.iterdir()]


def rules_of(terminal: Terminal, frame: pl.DataFrame, label: str) -> list[Any]:
    """Return the rules that init writes for rows."""
    frame.write_parquet(terminal.folder / "rows.parquet")
    assert 0 == terminal("init", "--data", "rows.parquet", "--label", label).code
    return list(read(terminal.folder / "service.yaml", Service).gate.rules)


def test_many_rows_get_the_unmodified_policy(terminal: Terminal) -> None:
    """Three thousand rows need no rule of their own."""
    assert [] == rules_of(terminal, orders(3000), "late")


def test_few_rows_are_asked_for_fewer_and_never_for_less_than_twenty(terminal: Terminal) -> None:
    """A rule that no run could meet would refuse everything; one without a floor would believe anything."""
    found = rules_of(terminal, orders(200), "late")

    assert isinstance(found[0], EnoughRows)
    assert 20 <= found[0].rows < 45


def test_an_honest_strong_feature_of_few_rows_is_let_through_and_said(terminal: Terminal) -> None:
    """With 150 rows a good feature may look perfect by chance: the limit rises, and the comment names it."""
    draw = np.random.default_rng(3)
    label = draw.integers(0, 2, 150)
    frame = pl.DataFrame({"strong": label * 3.6 + draw.normal(size=150), "weak": draw.normal(size=150), "y": label})

    found = rules_of(terminal, frame, "y")

    assert any(isinstance(rule, NoLeak) for rule in found)
    assert "'strong' alone reaches" in (terminal.folder / "service.yaml").read_text()


def test_a_copy_of_the_label_is_not_let_through(terminal: Terminal) -> None:
    """However few the rows: the policy's own limit stays."""
    frame = orders(150).with_columns(copy=pl.col("late") * 7 + 1)

    assert not any(isinstance(rule, NoLeak) for rule in rules_of(terminal, frame, "late"))


def test_a_suspected_leak_is_said_at_once(terminal: Terminal) -> None:
    """On the terminal and in service.yaml, with the two ways on, before anybody waits for a run."""
    orders(3000).with_columns(copy=pl.col("late") * 7 + 1).write_csv(terminal.folder / "orders.csv")

    said = terminal("init", "--data", "orders.csv", "--label", "late")

    written = (terminal.folder / "service.yaml").read_text()
    assert "'copy' alone tells the label" in said.out
    assert "# rules: [{rule: leak, severity: warning}]" in written


def test_what_the_comment_about_a_leak_says_can_be_done(terminal: Terminal) -> None:
    """Without its mark of a comment the line is YAML that means it."""
    orders(3000).with_columns(copy=pl.col("late") * 7 + 1).write_csv(terminal.folder / "orders.csv")
    terminal("init", "--data", "orders.csv", "--label", "late")
    path = terminal.folder / "service.yaml"

    path.write_text(path.read_text().replace("  # rules: [", "  rules: ["))

    assert [NoLeak(severity="warning")] == list(read(path, Service).gate.rules)
