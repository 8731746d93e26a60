"""Shares of one plan become the file that one process would have made: all of them, once, or nothing appears."""

import fcntl
import json
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

from headgate.errors import HeadgateError, PermanentError, TransientError
from headgate.names import Digest
from headgate.records.codec import decode
from headgate.records.scoring import Partitions, Plan, Scores
from headgate.score.batch import PART_ROWS, score
from headgate.score.gather import gather
from headgate.score.parts import Parts
from headgate.score.plan import Share, looked_again
from limits import largest_file
from unit.score.dividing import FILES, ROWS, again, all_scored, alone, divided, share_scored
from unit.score.scoring import predictor_of, rides
from unit.serve.running import World


def refused(made: World, divided: Partitions) -> str:
    """Return why nothing is gathered; nothing appeared."""
    with pytest.raises(HeadgateError) as caught:
        gather(divided)
    assert not list(made.folder.glob("out*"))
    return "\n".join(caught.value.lines())


def test_the_file_is_the_one_that_a_single_process_makes(made: World) -> None:
    """The same bytes, of scores and of what broke the contract, whichever share was first."""
    whole = alone(made)
    plan = again(made, partitions=4)

    for text in reversed(plan.shares):
        share_scored(made, plan, text)
    manifest = gather(plan)

    assert [(made.folder / name).read_bytes() for name in FILES] == whole
    assert (manifest.scored, manifest.rejected, manifest.shares) == (45, {"seats above": 5}, 4)
    assert decode((made.folder / "out.manifest.json").read_bytes(), Scores) == manifest
    assert not (made.folder / ".out.parquet.parts").exists()


def test_one_share_is_a_share_too(made: World) -> None:
    """A small input, divided by size, is one: the file is still gather's to make."""
    whole = alone(made)
    plan = again(made, rows_each=1000)

    share_scored(made, plan, "1/1")
    assert not (made.folder / "out.parquet").exists()
    gather(plan)

    assert [(made.folder / name).read_bytes() for name in FILES] == whole


def test_a_missing_share_is_named(made: World) -> None:
    """With the command that makes it good; what is there stays."""
    plan = divided(made)
    assert "4 of 4 shares" in refused(made, plan)
    for text in ("1/4", "4/4"):
        share_scored(made, plan, text)

    said = refused(made, plan)

    assert "2 of 4 shares" in said
    assert "found: 2/4, 3/4" in said
    assert "headgate score --from PARTITIONS --share 2/4" in said
    assert share_scored(made, plan, "1/4").resumed == 8


@pytest.mark.parametrize("change", ["torn", "gone", "fewer rows", "of another plan"])
def test_a_part_that_is_not_whole_is_a_missing_share(made: World, change: str) -> None:
    """Damaged, lost, short, or brought from elsewhere."""
    plan = divided(made)
    all_scored(made, plan)
    folder = made.folder / ".out.parquet.parts"
    kept = json.loads((folder / "000002.json").read_text())
    if change == "torn":
        (folder / "000002.parquet").write_bytes(b"torn")
    elif change == "gone":
        (folder / "000002.rejects.parquet").unlink()
    elif change == "fewer rows":
        (folder / "000002.json").write_text(json.dumps(kept | {"scored": kept["scored"] - 1}))
    else:
        (folder / "000002.json").write_text(json.dumps(kept | {"plan": "0" * 64}))

    said = refused(made, plan)

    assert ("accounts for 7 rows, expected 8" if change == "fewer rows" else "found: 2/4") in said


@pytest.mark.parametrize("change", ["model", "code", "part_rows"])
def test_shares_of_another_plan_are_not_gathered(made: World, change: str) -> None:
    """Another model, other code, other parts: said, and nothing appears."""
    plan = divided(made)
    all_scored(made, plan)
    other = replace(plan, plan=replace(plan.plan, **{change: 9 if change == "part_rows" else Digest("1" * 64)}))

    assert f"are of another plan: its {change} is not this one's" in refused(made, other)
    assert gather(plan).scored == 45


def test_an_input_that_changed_is_refused_by_share_and_gather(made: World) -> None:
    """Half the scores would be of other rows."""
    plan = divided(made)
    share_scored(made, plan, "1/4")
    rides(50, seed=1).write_parquet(made.folder / "in.parquet")

    for refusing in (lambda: share_scored(made, plan, "2/4"), lambda: gather(plan)):
        with pytest.raises(PermanentError, match="is not what it was when its scoring was planned") as caught:
            refusing()
        assert caught.value.found == "in.parquet"


def test_an_input_that_is_gone_is_refused(made: World) -> None:
    """With its name."""
    plan = divided(made)
    all_scored(made, plan)
    (made.folder / "in.parquet").unlink()

    assert "in.parquet" in refused(made, plan)


def test_gathering_twice_is_gathering_once(made: World) -> None:
    """The second finds the manifest, and all that it names."""
    plan = divided(made)
    all_scored(made, plan)
    first = gather(plan)
    kept = [(path, path.stat().st_mtime_ns) for path in made.folder.glob("out*")]
    (made.folder / "in.parquet").unlink()

    assert gather(plan) == first
    assert [(path, path.stat().st_mtime_ns) for path in made.folder.glob("out*")] == kept


def test_a_manifest_of_another_plan_is_not_taken_for_this_ones(made: World) -> None:
    """Last night's scores are not tonight's."""
    gathered = divided(made)
    all_scored(made, gathered)
    gather(gathered)
    tonight = divided(made, rides(50, seed=1))

    with pytest.raises(TransientError, match="4 of 4 shares"):
        gather(tonight)


def killed(*_: object) -> None:
    """Stands for a kill at this very place."""
    raise KeyboardInterrupt


def test_gathering_goes_on_where_it_was_killed(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the manifest: the same files anew. After it: the shares are removed, no more."""
    plan = divided(made)
    all_scored(made, plan)
    monkeypatch.setattr("headgate.score.manifest.manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        gather(plan)
    assert (made.folder / "out.parquet").exists()
    assert not (made.folder / "out.manifest.json").exists()
    monkeypatch.undo()
    monkeypatch.setattr(Parts, "end", killed)
    with pytest.raises(KeyboardInterrupt):
        gather(plan)
    monkeypatch.undo()

    assert gather(plan).scored == 45
    assert sorted(path.name for path in made.folder.glob("*out*")) == [
        "out.manifest.json",
        "out.parquet",
        "out.rejects.parquet",
    ]


def test_what_a_gathering_that_was_killed_at_its_end_left_is_removed(made: World) -> None:
    """Half of the parts, and no plan; those of another plan are somebody else's."""
    plan = divided(made)
    all_scored(made, plan)
    gather(plan)
    left = made.folder / ".out.parquet.parts"
    left.mkdir()
    (left / "000001.parquet").touch()

    gather(plan)
    assert not left.exists()
    left.mkdir()
    (left / "plan.json").write_bytes(b"another")
    gather(plan)
    assert left.exists()


@pytest.mark.parametrize("damaged", FILES)
def test_a_manifest_whose_files_are_others_counts_for_nothing(made: World, damaged: str) -> None:
    """It is not believed, and there is nothing left to gather from."""
    plan = divided(made)
    all_scored(made, plan)
    gather(plan)
    (made.folder / damaged).write_bytes(b"other")

    with pytest.raises(TransientError, match="4 of 4 shares"):
        gather(plan)


def test_nobody_gathers_while_a_share_is_scored(made: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be tried again: exit 75."""
    monkeypatch.setattr("headgate.score.parts.PATIENCE_SECONDS", 0.1)
    plan = divided(made)
    all_scored(made, plan)

    with Parts(Path(plan.target), plan.plan).held(Share(2, 4)), pytest.raises(TransientError):
        gather(plan)

    assert gather(plan).scored == 45


def test_a_full_disk_leaves_nothing_and_costs_nothing(made: World) -> None:
    """While a share is scored, and while all are gathered: said as such; with room it goes on."""
    rows = rides(4000)
    rows.write_parquet(made.folder / "in.parquet")
    plan = again(made, part_rows=1000, partitions=2)
    with largest_file(4000), pytest.raises(PermanentError, match="disk full"):
        share_scored(made, plan, "1/2")
    all_scored(made, plan)
    with largest_file(15_000), pytest.raises(PermanentError, match="disk full"):
        gather(plan)
    assert not (made.folder / "out.parquet").exists()

    assert share_scored(made, plan, "1/2").resumed == 2000
    assert gather(plan).scored == 4000


def test_a_file_that_one_process_makes_has_its_own_manifest(made: World) -> None:
    """What lies beside a file of scores is about these scores."""
    plan = divided(made)
    all_scored(made, plan)
    gather(plan)

    score(made.folder / "in.parquet", made.folder / "out.parquet", predictor_of(made), "code")

    manifest = decode((made.folder / "out.manifest.json").read_bytes(), Scores)
    assert (manifest.shares, manifest.plan.part_rows) == (1, PART_ROWS)


def test_of_two_gatherings_at_once_the_second_finds_what_the_first_made(
    made: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had looked for the manifest before there was one; the shares are gone when it looks for them."""
    plan = divided(made)
    all_scored(made, plan)
    first: list[Scores] = []

    def meanwhile(source: Path, planned: Plan) -> Plan:
        monkeypatch.undo()
        first.append(gather(plan))
        return looked_again(source, planned)

    monkeypatch.setattr("headgate.score.gather.looked_again", meanwhile)

    assert gather(plan) == first[0]


@pytest.mark.parametrize("share", ["1/1", "2/4"])
def test_what_was_gathered_is_not_scored_again(made: World, share: str) -> None:
    """Of a share is told what is known of it; a file that is another by now counts for nothing."""
    plan = divided(made)
    told = share_scored(made, plan, share)
    all_scored(made, plan)
    gather(plan)
    kept = {path: path.stat().st_mtime_ns for path in made.folder.glob("*out*")}

    found = share_scored(made, plan, share)

    assert (found.was_there, found.resumed) == (True, told.rows)
    assert (found.rows, found.scored, found.rejected) == (told.rows, told.scored, told.rejected)
    assert {path: path.stat().st_mtime_ns for path in made.folder.glob("*out*")} == kept
    (made.folder / "out.parquet").write_bytes(b"other")
    assert not share_scored(made, plan, share).was_there


def test_who_waited_for_a_gathering_that_is_done_is_told_to_look_again(made: World) -> None:
    """The lock it got is of a folder that is gone."""
    plan = divided(made)
    all_scored(made, plan)
    parts = Parts(Path(plan.target), plan.plan)

    with parts.opened("lock") as waiting:
        gather(plan)
        with pytest.raises(TransientError, match="another process has just made"):
            parts.lock(waiting, fcntl.LOCK_EX)
    with pytest.raises(TransientError, match="another process has just made"), parts.alone():
        pass


def test_a_name_with_brackets_is_a_name(made: World) -> None:
    """Not a pattern that the parts would have to fit."""
    ROWS.write_parquet(made.folder / "in.parquet")
    target = made.folder / "out[1]*.parquet"

    score(made.folder / "in.parquet", target, predictor_of(made), "code", part_rows=8)

    assert pl.read_parquet(target, glob=False).height == 45
