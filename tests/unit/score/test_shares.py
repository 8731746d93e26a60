"""One file is scored by several processes: each its share, and the whole makes one file of them."""

import json
import threading

import polars as pl
import pytest

from headgate.cli.score import share_of
from headgate.errors import TransientError, UsageError
from headgate.score.batch import score
from headgate.score.parts import Parts
from headgate.score.plan import Share, plan_of
from unit.score.scoring import again, by_package, headgate, predictor_of, rides, scored
from unit.serve.running import World


@pytest.mark.full
def test_shares_are_scored_by_processes_of_their_own(made: World) -> None:
    """Begun together, in any order; the run for the whole takes up what they did, and makes the same bytes."""
    rows = rides(5000).with_columns(seats=(pl.col("rider") % 10).replace(7, 1))
    scored(made, rows, part_rows=300)
    files = [made.folder / name for name in ("out.parquet", "out.rejects.parquet")]
    whole = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    words = (*by_package(made), "--part-rows", 300, "--output", "json")

    typed = [headgate(made, *words, "--share", f"{number}/3") for number in (2, 3, 1)]
    told = [each.communicate() for each in typed]

    assert [each.returncode for each in typed] == [0, 0, 0], told
    assert sum(json.loads(out)["rows"] for out, _ in told) == 5000
    assert not files[0].exists()
    out, _ = headgate(made, *words).communicate()
    assert json.loads(out)["resumed"] == 5000
    assert [file.read_bytes() for file in files] == whole


def test_many_shares_that_begin_at_once_agree_on_one_plan(made: World) -> None:
    """Whoever comes first writes it; what another one finished is not swept away."""
    rides(20).write_parquet(made.folder / "in.parquet")
    plan = plan_of(made.folder / "in.parquet", 20, made.sha256, "code", 8)
    begun, gate = [], threading.Barrier(8)

    def begin(number: int) -> None:
        parts = Parts(made.folder / "out.parquet", plan)
        gate.wait()
        with parts.held(Share(number, 8)):
            (parts.folder / f"{number}.begun").touch()
            begun.append(number)
            gate.wait()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert sorted(begun) == list(range(1, 9))
    assert len(list((made.folder / ".out.parquet.parts").glob("*.begun"))) == 8


def test_the_whole_scores_what_no_share_did(made: World) -> None:
    """A share that was lost costs its parts, nothing else."""
    rides(50).write_parquet(made.folder / "in.parquet")
    source, target = made.folder / "in.parquet", made.folder / "out.parquet"
    share = score(source, target, predictor_of(made), "code", part_rows=8, share=Share(2, 3))

    found = again(made)

    assert (share.rows, found.resumed, found.scored) == (16, 16, 50)
    assert pl.read_parquet(target)["rider"].to_list() == list(range(50))


def test_one_share_is_scored_by_one_process(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same share twice is refused, another one is not; nor may the whole begin meanwhile."""
    monkeypatch.setattr("headgate.score.parts.PATIENCE_SECONDS", 0.1)
    rides(20).write_parquet(made.folder / "in.parquet")
    plan = plan_of(made.folder / "in.parquet", 20, made.sha256, "code", 8)
    parts, same = (Parts(made.folder / "out.parquet", plan) for _ in range(2))

    with parts.held(Share(1, 2)):
        with pytest.raises(TransientError), same.held(Share(1, 2)):
            pass
        with same.held(Share(2, 2)):
            pass
        with pytest.raises(TransientError, match="another process"):
            again(made)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "1/3/5", "-1/3", "1/9999999"])
def test_a_share_is_one_of_so_many(text: str) -> None:
    """Counted from 1."""
    with pytest.raises(UsageError, match="expected K/N"):
        share_of(text)
