"""A run that ended early is gone on with: what it finished counts, if it is still the same."""

import json
import signal
import time
from collections import Counter

import numpy as np
import polars as pl
import pytest

from headgate.errors import PermanentError, TransientError
from headgate.score.batch import score
from headgate.score.parts import Parts
from headgate.score.plan import plan_of
from unit.score.scoring import again, by_package, headgate, left, predictor_of, rides, scored
from unit.serve.running import World


class Killed(BaseException):
    """Stands for a kill between two parts."""


def killed_after(made: World, parts: int, code: str = "code") -> None:
    """Score until so many parts are done."""
    count = 0

    def stop(_rows: int, _done: int) -> None:
        nonlocal count
        count += 1
        if count == parts:
            raise Killed

    with pytest.raises(Killed):
        score(
            made.folder / "in.parquet", made.folder / "out.parquet", predictor_of(made), code, part_rows=8, advance=stop
        )


def test_a_killed_run_goes_on_where_it_ended(made: World) -> None:
    """And the file is byte for byte the one of a run without a kill."""
    rows = rides(50)
    scored(made, rows, part_rows=8)
    whole = (made.folder / "out.parquet").read_bytes()
    (made.folder / "out.parquet").unlink()
    killed_after(made, 3)

    found = again(made)

    assert found.resumed == 24
    assert (made.folder / "out.parquet").read_bytes() == whole
    assert left(made.folder) == {"out.parquet", "out.manifest.json"}


@pytest.mark.parametrize("change", ["rows", "code", "torn", "manifest"])
def test_parts_of_something_else_are_not_taken_up(made: World, change: str) -> None:
    """Another file, other code, a damaged part: that is scored anew, and the result is right."""
    rides(50).write_parquet(made.folder / "in.parquet")
    killed_after(made, 3)
    rows = rides(50, seed=1) if change == "rows" else rides(50)
    folder = made.folder / ".out.parquet.parts"
    if change == "rows":
        rows.write_parquet(made.folder / "in.parquet")
    elif change == "torn":
        (folder / "000001.parquet").write_bytes(b"torn")
    elif change == "manifest":
        (folder / "000001.json").write_bytes(b"{")

    found = again(made, "other" if change == "code" else "code")

    assert found.resumed == {"rows": 0, "code": 0, "torn": 16, "manifest": 16}[change]
    expected = predictor_of(made).predict(rows.with_columns(member=pl.lit(None, pl.Boolean)))
    np.testing.assert_allclose(pl.read_parquet(made.folder / "out.parquet")["probability"], expected)


def test_strict_holds_for_parts_that_a_run_without_it_finished(made: World) -> None:
    """A kill in between must not let bad rows through."""
    rows = rides(20).with_columns(seats=pl.when(pl.col("rider") == 2).then(9).otherwise(pl.col("seats")))
    rows.write_parquet(made.folder / "in.parquet")
    killed_after(made, 1)

    with pytest.raises(PermanentError, match="break the contract"):
        score(
            made.folder / "in.parquet",
            made.folder / "out.parquet",
            predictor_of(made),
            "code",
            part_rows=8,
            strict=True,
        )

    assert left(made.folder) == {".out.parquet.parts"}


def test_two_at_once_into_one_file_are_refused(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told to wait; the first goes on."""
    monkeypatch.setattr("headgate.score.parts.PATIENCE_SECONDS", 0.1)
    rides(20).write_parquet(made.folder / "in.parquet")
    plan = plan_of(made.folder / "in.parquet", 20, made.sha256, "code", 8)

    with Parts(made.folder / "out.parquet", plan).held(), pytest.raises(TransientError, match="another process"):
        again(made)

    assert again(made).scored == 20


@pytest.mark.parametrize(
    ("rejected", "kills"),
    [(True, (70,))] + [pytest.param(each, (1, 8, 30, 70), marks=pytest.mark.full) for each in (False, True)],
)
def test_killed_by_sigkill_anywhere_the_command_goes_on(made: World, rejected: bool, kills: tuple[int, ...]) -> None:
    """Again and again until it is done: never half a file, no row twice, none missing."""
    rows = rides(30_000).with_columns(seats=(pl.col("rider") % (9 + rejected)).replace(7, 1))
    rows.write_parquet(made.folder / "in.parquet")
    words = (*by_package(made), "--part-rows", 300, "--output", "json")
    parts = made.folder / ".out.parquet.parts"

    for kept in kills:
        typed = headgate(made, *words)
        while len(list(parts.glob("*.json"))) <= kept and typed.poll() is None:
            time.sleep(0.002)
        typed.send_signal(signal.SIGKILL)
        typed.communicate()
        assert not (made.folder / "out.parquet").exists()
    out, err = headgate(made, *words).communicate()

    told = json.loads(out)
    assert 70 * 300 <= told["resumed"] < 30_000, err
    expected = rows.filter(pl.col("seats") < 9)["rider"]
    assert pl.read_parquet(made.folder / "out.parquet")["rider"].equals(expected)
    assert told["scored"] == len(expected)
    assert told["rejected"] == ({"seats above": 3000} if rejected else {})
    listed = {"out.rejects.parquet"} if rejected else set()
    assert left(made.folder) - {".headgate"} == {"out.parquet", "out.manifest.json"} | listed


@pytest.mark.parametrize("change", [None, "rows", "code", "output"])
def test_a_run_that_ended_well_is_found_by_the_next_one(made: World, change: str | None) -> None:
    """Unless file or code are others, or somebody wrote over what it made."""
    rides(50).with_columns(seats=pl.lit(9)).write_parquet(made.folder / "in.parquet")
    first = again(made)
    if change == "rows":
        rides(50).write_parquet(made.folder / "in.parquet")
    elif change == "output":
        (made.folder / "out.parquet").write_bytes(b"other")

    found = again(made, "other" if change == "code" else "code")

    assert (found.was_there, found.resumed) == ((False, 0) if change else (True, 50))
    assert found.rejected == (Counter() if change == "rows" else first.rejected)
    assert pl.read_parquet(made.folder / "out.parquet").height == found.scored


def test_strict_holds_for_a_run_without_it_that_ended_well(made: World) -> None:
    """What it let pass is refused now."""
    rides(20).with_columns(seats=pl.lit(9)).write_parquet(made.folder / "in.parquet")
    again(made)

    with pytest.raises(PermanentError, match="break the contract"):
        again(made, strict=True)
