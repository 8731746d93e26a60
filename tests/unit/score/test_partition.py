"""An input divided among processes: every row is in one share, and a share is of one input, model and code."""

import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace

from headgate.errors import PermanentError, UsageError
from headgate.names import Digest
from headgate.score.batch import score
from headgate.score.gather import gather
from headgate.score.partition import MOST, partition
from headgate.score.parts import Parts
from headgate.score.plan import Share
from unit.score.dividing import FILES, ROWS, again, all_scored, alone, divided, share_scored
from unit.score.scoring import predictor_of, rides
from unit.serve.running import World


@pytest.mark.parametrize(
    ("options", "shares"),
    [
        ({"partitions": 1}, 1),
        ({"partitions": 7}, 7),
        ({"partitions": MOST}, 7),
        ({"partitions": None}, 1),
        ({"partitions": None, "rows_each": 16}, 4),
        ({"partitions": None, "rows_each": 1}, 7),
        ({"partitions": None, "rows_each": 10**9}, 1),
    ],
)
def test_no_share_is_empty_and_together_they_are_all_rows(made: World, options: dict[str, Any], shares: int) -> None:
    """One row group or fifty, more shares than parts or fewer: nobody starts for nothing."""
    for size in (1, 50):
        ROWS.write_parquet(made.folder / "in.parquet", row_group_size=size)

        plan = again(made, **options)

        parts = Parts(Path(plan.target), plan.plan)
        numbers = [parts.numbers(Share(*map(int, text.split("/")))) for text in plan.shares]
        assert len(plan.shares) == shares
        assert all(numbers)
        assert [number for share in numbers for number in share] == list(range(7))


def test_a_folder_of_files_is_scored_in_the_order_of_their_names(made: World) -> None:
    """As one file with all their rows is; rows of a part may come from two."""
    whole = alone(made)
    folder = made.folder / "rows"
    folder.mkdir()
    for place, name in ((0, "a"), (20, "b"), (30, "c")):
        ROWS[place : {0: 20, 20: 30, 30: 50}[place]].write_parquet(folder / f"{name}.parquet")
    told = {"model": made.sha256, "code": "code", "part_rows": 8, "partitions": 3}
    plan = partition(folder, made.folder / "out.parquet", predictor_of(made).door, **told)

    all_scored(made, plan)
    gather(plan)

    assert [(made.folder / name).read_bytes() for name in FILES] == whole


@pytest.mark.parametrize("change", ["other columns", "other types", "no file", "garbage", "target inside"])
def test_a_folder_that_is_not_one_table_is_refused(made: World, change: str) -> None:
    """By its name; a file of scores among the rows would be read the next time."""
    folder = made.folder / "rows"
    folder.mkdir()
    ROWS.write_parquet(folder / "a.parquet")
    other = {"other columns": ROWS.drop("seats"), "other types": ROWS.with_columns(pl.col("seats").cast(pl.String))}
    if change in other:
        other[change].write_parquet(folder / "b.parquet")
    elif change == "garbage":
        (folder / "b.parquet").write_bytes(b"garbage")
    elif change == "no file":
        (folder / "a.parquet").rename(made.folder / "a.parquet")
    target = (folder if change == "target inside" else made.folder) / "out.parquet"

    with pytest.raises(PermanentError, match=r"'.*rows.*'"):
        score(folder, target, predictor_of(made), "code")

    assert not target.exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"partitions": 3, "rows_each": 9}, "give one of them"), ({"partitions": MOST + 1}, "at most 1,000")],
)
def test_how_many_is_said_once_and_bounded(made: World, options: dict[str, Any], expected: str) -> None:
    """An engine's list has an end."""
    ROWS.write_parquet(made.folder / "in.parquet")

    with pytest.raises(UsageError) as caught:
        again(made, **options)

    assert expected in "\n".join(caught.value.lines())


def test_what_cannot_be_scored_is_refused_before_anybody_starts(made: World) -> None:
    """A column that is missing: one error, not one a share."""
    with pytest.raises(PermanentError, match="no column 'seats'"):
        divided(made, ROWS.drop("seats"))


@pytest.mark.parametrize("change", ["model", "code", "rows"])
def test_a_share_of_another_model_code_or_input_is_not_scored(made: World, change: str) -> None:
    """And what the others did stays."""
    plan = divided(made)
    share_scored(made, plan, "1/4")
    other = replace(plan, plan=replace(plan.plan, **{change: 49 if change == "rows" else Digest("1" * 64)}))

    with pytest.raises(PermanentError, match=r"another|not what it was"):
        share_scored(made, other, "2/4")

    assert share_scored(made, plan, "1/4").resumed == 8


def test_an_input_that_changes_while_it_is_scored_is_refused(made: World) -> None:
    """Nothing appears, whether one process scores it or many."""
    plan = divided(made)
    others = rides(50, seed=1)

    with pytest.raises(PermanentError, match="is not what it was"):
        share_scored(made, plan, "2/4", advance=lambda _rows, _done: others.write_parquet(made.folder / "in.parquet"))


@pytest.mark.parametrize("share", ["1/1", "2/4"])
def test_an_input_that_was_written_to_after_its_last_part_was_read_is_refused(made: World, share: str) -> None:
    """Who knows since when: nothing appears, whether one process scores it or many."""
    plan = divided(made)

    def touch(_rows: int, _done: int) -> None:
        os.utime(made.folder / "in.parquet", ns=(1, 1))

    with pytest.raises(PermanentError, match="is not what it was"):
        share_scored(made, plan, share, advance=touch)

    assert not list(made.folder.glob("out*"))


def test_a_killed_share_goes_on_where_it_ended(made: World) -> None:
    """Its finished part is not scored again."""
    plan = divided(made, partitions=2)

    def stop(_rows: int, _done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        share_scored(made, plan, "2/2", advance=stop)

    assert share_scored(made, plan, "2/2").resumed == 8


def test_an_input_without_rows_is_one_share_and_a_file_without_rows(made: World) -> None:
    """A list of no shares would start nobody, and engines skip what comes after it."""
    plan = divided(made, ROWS.clear())

    all_scored(made, plan)
    manifest = gather(plan)

    assert plan.shares == ("1/1",)
    assert manifest.scored == 0
    assert pl.read_parquet(made.folder / "out.parquet").columns == ["rider", "at", "probability", "model"]


def test_scores_that_are_there_are_one_share_that_finds_them(made: World) -> None:
    """Nobody starts for nothing the second night."""
    plan = divided(made)
    all_scored(made, plan)
    gather(plan)

    second = again(made, partitions=4)

    assert second.shares == ("1/1",)
    found = share_scored(made, second, "1/1")
    assert (found.was_there, found.resumed, found.scored, dict(found.rejected)) == (True, 50, 45, {"seats above": 5})
