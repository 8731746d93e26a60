"""Which functions of an owner's take each row by itself? Those that do not are found before the first request."""

import textwrap
from pathlib import Path

import pytest

from headgate.serve.model.rowwise import doubt
from headgate.serve.setup.preparing import prepare
from unit.serve.running import running, world

BY_OTHERS = {
    "mean": 'rows.select("city", hour, distance=pl.col("distance") - pl.col("distance").mean())',
    "neighbour": 'rows.select("city", hour, distance=pl.col("distance").shift(1))',
    "fill": 'rows.select("city", hour, distance=pl.col("distance").forward_fill())',
    "running sum": 'rows.select("city", hour, distance=pl.col("distance").cum_sum())',
    "running largest": 'rows.select("city", hour, distance=pl.col("rider").cum_max())',
    "rank": 'rows.select("city", hour, distance=pl.col("distance").rank())',
    "group": 'rows.select("city", hour, distance=pl.col("distance").max().over("city"))',
    "height": 'rows.select("city", hour, distance=pl.lit(float(rows.height)))',
    "order": 'rows.sort("distance", "at").select("city", "distance", hour)',
    "first": 'rows.select("city", "distance", hour=pl.lit(rows["at"][0].hour))',
    "largest": 'rows.select("city", hour, distance=pl.lit(1.0 if rows["seats"].max() == 6 else 2.0))',
    "words": 'rows.select(pl.col("city").sort(), hour, "distance")',
    "few": 'rows.select("city", "distance", hour) if rows.height == 1 else {}["several"]',
}
SOONEST = ("mean", "neighbour", "height", "order", "words", "few")
"""One of each way to look at others; the rest are in `make test-full`."""
BY_ITSELF = {
    "plain": 'rows.select("city", "distance", hour)',
    "nulls": 'rows.select("city", hour, distance=pl.col("distance").fill_null(-1.0).log1p())',
    "branch": 'rows.select("city", hour, distance=pl.when(pl.col("seats") > 3).then("distance"))',
    "lookup": 'rows.select("city", hour, distance=pl.col("rider").replace_strict({0: 1.5}, default=2.5))',
    "python": 'rows.select("city", hour, distance=pl.Series([None if x is None else x * 2 for x in rows["distance"]]))',
    "refusing": 'rows.select("city", "distance", hour) if not (rows["seats"] == 8).any() else {}["eight seats"]',
}


def found(folder: Path, made: str) -> str | None:
    """Return what is said of a function that returns `made`."""
    one = world(folder)
    code = f"""
        import polars as pl

        hour = pl.col("at").dt.hour().alias("hour")


        def features(rows, as_of):
            return {made}
    """
    (folder / "rides_features.py").write_text(textwrap.dedent(code))
    served = prepare(one.options(), one.sha256)
    why = doubt(served.predictor)
    assert served.is_rowwise == (why is None)
    return why


@pytest.mark.parametrize(
    "name", [name if name in SOONEST else pytest.param(name, marks=pytest.mark.full) for name in BY_OTHERS]
)
def test_a_function_that_looks_at_other_rows_is_found(tmp_path: Path, name: str) -> None:
    """Whatever it does with them."""
    why = found(tmp_path, BY_OTHERS[name])

    assert why is not None
    assert why.startswith("the features function ")


@pytest.mark.parametrize("name", BY_ITSELF)
def test_a_function_that_looks_at_its_row_alone_is_let_through(tmp_path: Path, name: str) -> None:
    """Nulls, branches, lookups, and rows it refuses."""
    assert found(tmp_path, BY_ITSELF[name]) is None


def test_it_is_said_which_feature_is_another_one(tmp_path: Path) -> None:
    """So that its owner knows where to look."""
    assert found(tmp_path, BY_OTHERS["mean"]) == (
        "the features function gives a row another 'distance' when others come with it"
    )


@pytest.mark.parametrize(
    "made",
    [
        'rows.select("city", hour, distance=1 / 0)',
        'rows.select(city=pl.col("city").str.slice(0, 0), distance=pl.lit(1.0), hour=pl.lit(2))',
    ],
)
def test_nothing_is_taken_for_proved_where_made_up_rows_make_no_difference(tmp_path: Path, made: str) -> None:
    """A function that refuses them all, or makes the same of each."""
    why = found(tmp_path, made)

    assert why is not None
    assert "nothing can be compared" in why


def test_a_server_says_once_that_requests_are_computed_one_by_one(tmp_path: Path) -> None:
    """In its log and not as a failure: it answers as ever."""
    made = world(tmp_path)
    code = (tmp_path / "rides_features.py").read_text()
    (tmp_path / "rides_features.py").write_text(
        code.replace("return rows", "rows = rows.sort('seats')\n    return rows")
    )

    with running(made.options()) as server:
        said = server.stderr
        metrics = server.ask("/metrics").body.decode()

    assert said.count("requests are computed one by one: the features function gives a row another") == 1
    assert f'headgate_batching{{model="{made.sha256[:12]}",service="rides"}} 0.0\n' in metrics
