"""An input scored by many processes, as docs/score.md types it and as the graph runs it, is what one process makes."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from headgate.adapters.files import FileStore
from headgate.cli.choosing import planned
from headgate.cli.partition import number
from headgate.cli.score import command, partitions_in, refuse_beside
from headgate.cli.wiring import open_project
from headgate.errors import PermanentError, UsageError
from headgate.graph.engines import local
from headgate.graph.engines.progress import Run
from headgate.graph.step import SCORING
from headgate.names import Digest, Uri
from headgate.records.codec import decode, encode
from headgate.records.scoring import InputFile, Partitions, Plan, ScoredShare, Scores
from headgate.score.batch import score
from unit.score.scoring import predictor_of, rides
from unit.serve.running import World

FILES = ("scores.parquet", "scores.rejects.parquet")
PAGE = Path(__file__).parents[3] / "docs" / "score.md"
ROWS = rides(1000).with_columns(seats=pl.when(pl.col("rider") % 10 == 9).then(9).otherwise(pl.col("seats")))


@pytest.fixture
def kept(made: World) -> World:
    """Return a service with rows to score, whose model is in its workspace's store."""
    store = FileStore(made.folder / ".headgate" / "store")
    store.put_folder(Uri(f"models/rides/{made.sha256}"), made.model)
    ROWS.write_parquet(made.folder / "rows.parquet")
    return made


def typed(made: World, *lines: list[str]) -> str:
    """Type commands, all at once; return what the last one said."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "headgate", *words],
            cwd=made.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in lines
    ]
    told = [each.communicate() for each in started]
    assert [each.returncode for each in started] == [0] * len(lines), told
    return told[-1][0]


def by_package(made: World) -> list[str]:
    return ["--model", str(made.model), "--sha256", made.sha256, "--part-rows", "250"]


def by_one(made: World) -> list[bytes]:
    """Return what a single process makes, and remove it."""
    score(made.folder / "rows.parquet", made.folder / FILES[0], predictor_of(made), "code", part_rows=250)
    found = written(made)
    for name in FILES:
        (made.folder / name).unlink()
    return found


def written(made: World) -> list[bytes]:
    return [(made.folder / name).read_bytes() for name in FILES]


@pytest.mark.full
def test_what_the_page_types_is_what_one_process_makes(kept: World) -> None:
    """Byte for byte, and said in a manifest; the block of docs/score.md, with the name of a model."""
    [block] = [text for text in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) if "gather" in text]
    divide, share, gather = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    expected = by_one(kept)

    typed(kept, divide + by_package(kept))
    typed(kept, *([text if word == "1/4" else word for word in share] for text in ("3/4", "1/4", "4/4", "2/4")))
    said = typed(kept, gather)

    assert said.startswith(f"900 of 1,000 rows scored by model {kept.sha256[:12]}, in 4 shares: ")
    assert "100 break the contract: scores.rejects.parquet" in said
    assert written(kept) == expected
    manifest = decode((kept.folder / "scores.manifest.json").read_bytes(), Scores)
    assert (manifest.shares, manifest.scored, manifest.plan.model) == (4, 900, kept.sha256)


def test_the_graph_makes_what_one_process_makes(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine: the same bytes, and a record of each step."""
    expected = by_one(kept)
    monkeypatch.chdir(kept.folder)
    plan = Run(
        graph=SCORING,
        folder=kept.folder / "run",
        cache=kept.folder / "cache",
        program=(sys.executable, "-m", "headgate"),
        common=("--service", str(kept.folder / "service.yaml")),
        arguments={"partition": ("rows.parquet", "scores.parquet", "--partitions", "2", *by_package(kept))},
        facts={},
    )

    ends = local.run(plan, lambda _: None)

    assert [end.outcome for end in ends.values()] == ["done"] * 3, [end.detail for end in ends.values()]
    assert written(kept) == expected
    shares = [decode(plan.record(f"score-{place}").read_bytes(), ScoredShare) for place in (1, 2)]
    assert [(one.share, one.rows, one.scored) for one in shares] == [("1/2", 500, 450), ("2/2", 500, 450)]
    assert decode(plan.record("gather").read_bytes(), Scores).scored == 900


def plan_for(model: Digest) -> Plan:
    """Return a plan of a hundred rows."""
    file = InputFile(name="in.parquet", size_bytes=1, modified=0, end=Digest("0" * 64))
    return Plan(files=(file,), rows=100, model=model, code="code", part_rows=50)


@pytest.fixture
def divided() -> Partitions:
    """Return a record of a hundred rows in two shares."""
    plan = plan_for(Digest("1" * 64))
    return Partitions(source="/in.parquet", target="/out.parquet", plan=plan, shares=("1/2", "2/2"))


@pytest.mark.parametrize(
    ("share", "given", "expected"),
    [
        ("1/2", {"IN": Path("in.parquet"), "OUT": Path("out.parquet")}, "IN, OUT: the partition's record says it"),
        ("1/2", {"--environment": "prod"}, "--environment: the partition's record says it"),
        ("1/2", {"--part-rows": 9}, "--part-rows: the partition's record says it"),
        ("3/2", {}, "'3/2', which is none of the 2"),
        ("1/3", {}, "'1/3', which is none of the 2"),
        (None, {}, "--share is not given; it is one of the 2"),
    ],
)
def test_a_share_is_one_of_its_record_and_all_else_is_the_records(
    divided: Partitions, share: str | None, given: dict[str, object], expected: str
) -> None:
    """Two answers to one question are one too many."""
    with pytest.raises(UsageError) as caught:
        refuse_beside(divided, share, given)

    assert expected in caught.value.message


def test_a_record_of_partitions_is_told_from_a_models(divided: Partitions, tmp_path: Path) -> None:
    """Both are given by --from; a broken one is said to be one."""
    (tmp_path / "divided.json").write_bytes(encode(divided))
    (tmp_path / "model.json").write_text('{"kind": "model/1"}')
    (tmp_path / "broken.json").write_text('{"kind": "partitions/1", "source": 3}')

    assert partitions_in(tmp_path / "divided.json") == divided
    assert (
        partitions_in(tmp_path / "model.json") is partitions_in(tmp_path / "none.json") is partitions_in(None) is None
    )
    with pytest.raises(PermanentError, match="is no partitions/1"):
        partitions_in(tmp_path / "broken.json")


def test_another_model_than_the_plans_is_refused(kept: World) -> None:
    """By its digest, or by what is in the folder that is named."""
    project = open_project(kept.folder / "service.yaml", None)

    assert planned(project, plan_for(kept.sha256), None, None).loaded.sha256 == kept.sha256
    with pytest.raises(PermanentError, match="is not the one that this share is of"):
        planned(project, plan_for(kept.sha256), kept.model, "0" * 64)
    with pytest.raises(PermanentError, match="is not what Git says"):
        planned(project, plan_for(Digest("0" * 64)), kept.model, None)


def test_rows_of_a_part_beside_a_record_are_refused(kept: World, divided: Partitions) -> None:
    """They are the record's; whoever gives others would think that they count."""
    (kept.folder / "shares.json").write_bytes(encode(divided))

    with pytest.raises(UsageError, match="--part-rows: the partition's record says it"):
        command(service=kept.folder / "service.yaml", source=kept.folder / "shares.json", share="1/2", part_rows=9)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1e3", " 7"])
def test_how_many_is_a_whole_number(text: str) -> None:
    """From 1 on."""
    with pytest.raises(UsageError, match="--partitions is"):
        number("--partitions", text)


@pytest.mark.parametrize(
    "given",
    [
        {"share": "1/2"},
        {"rows": Path("rows.parquet")},
        {"rows": Path("rows.parquet"), "scores": Path("out.parquet"), "out": Path("record.json")},
    ],
)
def test_without_a_record_input_and_output_are_named_and_no_record_is_left(kept: World, given: dict[str, Any]) -> None:
    """Said before a model is looked for."""
    with pytest.raises(UsageError, match="score needs IN and OUT"):
        command(service=kept.folder / "service.yaml", **given)


def test_a_record_that_is_none_is_named(kept: World) -> None:
    """Whoever mistyped its name looked for a share, not for input and output."""
    with pytest.raises(UsageError, match="score needs IN and OUT") as caught:
        command(service=kept.folder / "service.yaml", source=Path("shared.json"), share="1/4")

    assert caught.value.found == "--from 'shared.json', which is no partition's record"
