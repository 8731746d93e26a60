"""A file is scored whole, with the server's numbers, whatever happens to the process in between."""

import json
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from running import World, running, world

from headgate.cli.score import share_of
from headgate.errors import HeadgateError, PermanentError, TransientError, UsageError
from headgate.models.loading import load
from headgate.score.batch import Scored, score
from headgate.score.parts import Parts, Share, plan_of
from headgate.serve.door.admission import Door
from headgate.serve.model.predictor import Predictor
from headgate.serve.setup.preparing import features_function
from headgate.specs.contract import Contract
from headgate.specs.reading import read
from headgate.specs.service import Service

FIRST = datetime(2024, 5, 1, 8)  # noqa: DTZ001 - naive means UTC


def rides(count: int, seed: int = 0) -> pl.DataFrame:
    """Return rows that keep the contract; with a label and a column that nobody asked for."""
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "rider": np.arange(count),
            "at": [FIRST + timedelta(minutes=7 * each) for each in range(count)],
            "city": draw.choice(["berne", "zürich"], count),
            "distance": [
                None if gone else each for gone, each in zip(draw.random(count) < 0.2, draw.random(count), strict=True)
            ],
            "seats": draw.integers(0, 6, count),
            "late": draw.random(count) < 0.5,
            "comment": "none",
        }
    )


def predictor_of(made: World) -> Predictor:
    spec = read(made.folder / "service.yaml", Service)
    contract = read(made.folder / spec.contract, Contract)
    function = features_function(spec, made.folder)
    return Predictor(load(made.model, made.sha256), spec, function, Door(contract, spec))


def scored(made: World, rows: pl.DataFrame, **options: Any) -> Scored:
    rows.write_parquet(made.folder / "in.parquet")
    return score(made.folder / "in.parquet", made.folder / "out.parquet", predictor_of(made), "code", **options)


def refused(made: World, rows: pl.DataFrame, **options: Any) -> str:
    with pytest.raises(HeadgateError) as caught:
        scored(made, rows, **options)
    return "\n".join(caught.value.lines())


def left(folder: Path) -> set[str]:
    """Return what is in a folder beside the service and its input."""
    known = {"service.yaml", "contract.yaml", "rides_features.py", "model", "in.parquet", "__pycache__", "ready.json"}
    return {path.name for path in folder.iterdir()} - known


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)


def tensors(rows: pl.DataFrame) -> dict[str, Any]:
    kinds = {"rider": "INT64", "at": "BYTES", "city": "BYTES", "distance": "FP64", "seats": "INT64"}
    sent = rows.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S"))
    return {
        "inputs": [
            {"name": name, "datatype": kind, "shape": [rows.height], "data": sent[name].to_list()}
            for name, kind in kinds.items()
        ]
    }


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("features", ['"rides_features:features"', "null"])
def test_a_file_has_the_numbers_that_the_server_answers(task: str, features: str, tmp_path: Path) -> None:
    """A real server, asked one row at a time and all at once."""
    made = world(tmp_path, task, features)
    if features == "null":
        signature = (made.model / "signature.json").read_text().replace('"hour"', '"seats"')
        made = repackaged(made, signature)
    rows = rides(40)

    scored(made, rows, part_rows=16)

    out = pl.read_parquet(made.folder / "out.parquet")
    name = "value" if task == "regression" else "probability"
    columns = [column for column in out.columns if column.startswith(name)]
    with running(made.options()) as server:
        whole = server.infer(tensors(rows)).json["outputs"][0]["data"]
        singly = [server.infer(tensors(rows[place])).json["outputs"][0]["data"] for place in range(5)]
    np.testing.assert_allclose(out.select(columns).to_numpy().ravel(), whole, rtol=1e-6)
    np.testing.assert_allclose(out.select(columns).head(5).to_numpy(), np.reshape(singly, (5, -1)), rtol=1e-6)
    assert out.select("rider", "at").equals(rows.select("rider", "at"))
    assert out["model"].unique().to_list() == [made.sha256]


def repackaged(made: World, signature: str) -> World:
    """Return the same world with another signature in its package."""
    from headgate.models import package  # noqa: PLC0415
    from headgate.models.signature import Signature  # noqa: PLC0415

    onnx = (made.model / "model.onnx").read_bytes()
    told = msgspec.json.decode(signature.encode(), type=Signature)
    folder = made.folder / "model" / "plain"
    return World(made.folder, folder, package.write(folder, onnx, told, {}), made.log_dir)


def test_rows_that_break_the_contract_have_no_score_and_are_listed(made: World) -> None:
    """Each with its number and why; the others are scored in their order."""
    rows = rides(50).with_columns(
        seats=pl.when(pl.col("rider").is_in([3, 20])).then(9).otherwise(pl.col("seats")),
        city=pl.when(pl.col("rider") == 44).then(pl.lit("rome")).otherwise(pl.col("city")),
    )

    found = scored(made, rows, part_rows=8)

    assert (found.rows, found.scored, dict(found.rejected)) == (50, 47, {"seats above": 2, "city unseen": 1})
    rejects = pl.read_parquet(made.folder / "out.rejects.parquet")
    assert rejects["row"].to_list() == [3, 20, 44]
    assert rejects["reason"][0] == "has 9; expected at most 8"
    assert pl.read_parquet(made.folder / "out.parquet")["rider"].to_list() == [
        n for n in range(50) if n not in {3, 20, 44}
    ]
    assert left(made.folder) == {"out.parquet", "out.rejects.parquet"}


def test_strict_refuses_the_file_and_nothing_appears(made: World) -> None:
    """With the first row, the input and why; what was scored before is kept for the next try."""
    rows = rides(50).with_columns(seats=pl.when(pl.col("rider") == 20).then(9).otherwise(pl.col("seats")))

    said = refused(made, rows, part_rows=8, strict=True)

    assert "row 20 breaks the contract: input 'seats' has 9; expected at most 8" in said
    assert "leave --strict out" in said
    assert left(made.folder) == {".out.parquet.parts"}


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


def again(made: World, code: str = "code") -> Scored:
    return score(made.folder / "in.parquet", made.folder / "out.parquet", predictor_of(made), code, part_rows=8)


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
    assert left(made.folder) == {"out.parquet"}


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


def test_two_at_once_into_one_file_are_refused(made: World) -> None:
    """The second is told to wait; the first goes on."""
    rides(20).write_parquet(made.folder / "in.parquet")
    plan = plan_of(made.folder / "in.parquet", 20, made.sha256, "code", 8)

    with Parts(made.folder / "out.parquet", plan).held(), pytest.raises(TransientError, match="another process"):
        again(made)

    assert again(made).scored == 20


def test_shares_are_scored_by_processes_of_their_own(made: World) -> None:
    """Begun together, in any order; the run for the whole takes up what they did, and makes the same bytes."""
    rows = rides(5000).with_columns(seats=pl.col("rider") % 10)
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


def test_one_share_is_scored_by_one_process(made: World) -> None:
    """The same share twice is refused, another one is not; nor may the whole begin meanwhile."""
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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no file"),
        (b"", "is no Parquet file"),
        (b"a,b\n1,2\n", "is no Parquet file"),
        (b"PAR1" + b"\0" * 40, "is no Parquet file"),
    ],
)
def test_what_is_no_parquet_file_is_refused(made: World, content: bytes | None, expected: str) -> None:
    """By its name, before anything is made."""
    if content is not None:
        (made.folder / "in.parquet").write_bytes(content)

    with pytest.raises(PermanentError, match=expected):
        again(made)

    assert left(made.folder) == set()


def test_a_file_without_rows_or_columns_is_refused(made: World) -> None:
    """Empty in would be empty out, and nobody would notice."""
    assert "has no rows" in refused(made, rides(0))
    assert "no column 'seats'; the contract requires it" in refused(made, rides(3).drop("seats"))


def test_the_input_is_never_written_over(made: World) -> None:
    """Not by its own name, nor by a link's."""
    rides(3).write_parquet(made.folder / "in.parquet")
    (made.folder / "link.parquet").symlink_to(made.folder / "in.parquet")

    for target in ("in.parquet", "link.parquet"):
        with pytest.raises(PermanentError, match="is the file that is read"):
            score(made.folder / "in.parquet", made.folder / target, predictor_of(made), "code")


def test_a_features_function_that_fails_says_where(made: World) -> None:
    """Its own line, and the rows it was given; seven seats are one too many for it."""
    rows = rides(30).with_columns(seats=pl.when(pl.col("rider") == 20).then(7).otherwise(pl.lit(1)))

    with pytest.raises(PermanentError, match="seven seats are one too many") as caught:
        scored(made, rows, part_rows=8)

    assert "in the 8 rows from row 16 on" in caught.value.__notes__


def test_earlier_rejects_do_not_outlive_a_clean_run(made: World) -> None:
    """What lies beside a file of scores is about these scores."""
    scored(made, rides(10).with_columns(seats=pl.lit(9)))
    assert (made.folder / "out.rejects.parquet").exists()

    scored(made, rides(10))

    assert left(made.folder) == {"out.parquet"}


def headgate(made: World, *words: object, **options: Any) -> subprocess.Popen[str]:
    told = [
        "score",
        made.folder / "in.parquet",
        made.folder / "out.parquet",
        "-s",
        made.folder / "service.yaml",
        *words,
    ]
    command = [sys.executable, "-m", "headgate", *map(str, told)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command, text=True, cwd=made.folder, **pipes)


def by_package(made: World) -> tuple[object, ...]:
    return "--model", made.model, "--sha256", made.sha256


@pytest.mark.parametrize("rejected", [pytest.param(False, marks=pytest.mark.full), True])
def test_killed_by_sigkill_anywhere_the_command_goes_on(made: World, rejected: bool) -> None:
    """Again and again until it is done: never half a file, no row twice, none missing."""
    rows = rides(30_000).with_columns(seats=pl.col("rider") % (9 + rejected))
    rows.write_parquet(made.folder / "in.parquet")
    words = (*by_package(made), "--part-rows", 300, "--output", "json")
    parts = made.folder / ".out.parquet.parts"

    for kept in (1, 8, 30, 70):
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
    assert left(made.folder) - {".headgate"} == (
        {"out.parquet", "out.rejects.parquet"} if rejected else {"out.parquet"}
    )


def test_the_command_says_what_became_of_the_rows(made: World) -> None:
    """On stdout, for people; no bar where there is no terminal."""
    rides(30).with_columns(seats=pl.lit(9)).write_parquet(made.folder / "in.parquet")

    out, err = headgate(made, *by_package(made)).communicate()

    assert f"0 of 30 rows scored by model {made.sha256[:12]}" in out
    assert "30 break the contract" in out
    assert err == ""


@pytest.mark.parametrize(
    ("words", "expected", "code"),
    [
        (["--model", "m"], "--model and --sha256 go together", 2),
        (["--model", "m", "--sha256", "0" * 64, "--environment", "prod"], "each name a model", 2),
        (["--model", "model", "--sha256", "0" * 64], "is not what Git says", 1),
        ([], "no record", 1),
    ],
)
def test_the_command_needs_one_verified_model(made: World, words: list[str], expected: str, code: int) -> None:
    """Named in one way of three."""
    rides(3).write_parquet(made.folder / "in.parquet")

    typed = headgate(made, *words)
    _, err = typed.communicate()

    assert (typed.returncode, expected in err) == (code, True), err


MEASURING = (
    "import resource, subprocess, sys\n"
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)\n"
)
"""A small process in between: the one that starts another lends it its own peak."""


def peak_mb(made: World, rows: int) -> float:
    """Return the most memory that scoring so many rows took."""
    rides(rows).write_parquet(made.folder / "in.parquet", row_group_size=50_000)
    words = ["score", "in.parquet", "out.parquet", *by_package(made), "--part-rows", 20_000]
    command = [sys.executable, "-c", MEASURING, sys.executable, "-m", "headgate", *map(str, words)]
    return float(subprocess.run(command, cwd=made.folder, capture_output=True, text=True, check=True).stdout)


@pytest.mark.full
def test_memory_is_bounded_by_a_part_not_by_the_file(made: World) -> None:
    """Ten times the rows, the same memory but for what caches hold."""
    small, large = peak_mb(made, 100_000), peak_mb(made, 1_500_000)

    assert large < small + 120, (small, large)
