"""A file is scored whole, with the server's numbers; what cannot be is refused, and nothing appears."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from headgate.errors import PermanentError
from headgate.score.batch import score
from unit.score.scoring import again, left, predictor_of, refused, rides, scored
from unit.serve.running import World, running, world


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
    assert left(made.folder) == {"out.parquet", "out.rejects.parquet", "out.manifest.json"}


def test_strict_refuses_the_file_and_nothing_appears(made: World) -> None:
    """With the first row, the input and why; what was scored before is kept for the next try."""
    rows = rides(50).with_columns(seats=pl.when(pl.col("rider") == 20).then(9).otherwise(pl.col("seats")))

    said = refused(made, rows, part_rows=8, strict=True)

    assert "row 20 breaks the contract: input 'seats' has 9; expected at most 8" in said
    assert "leave --strict out" in said
    assert left(made.folder) == {".out.parquet.parts"}


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


def test_a_file_without_the_columns_is_refused(made: World) -> None:
    """Also where it has no rows."""
    for count in (3, 0):
        assert "no column 'seats'; the contract requires it" in refused(made, rides(count).drop("seats"))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_rows_give_no_scores_with_the_same_columns(task: str, tmp_path: Path) -> None:
    """A quiet night is no failure; whoever reads the file finds what it finds every night."""
    made = world(tmp_path, task)
    scored(made, rides(3))
    some = pl.read_parquet_schema(made.folder / "out.parquet")

    found = scored(made, rides(0))

    assert (found.rows, found.scored, found.rejected.total()) == (0, 0, 0)
    none = pl.read_parquet(made.folder / "out.parquet")
    assert (none.height, dict(none.schema)) == (0, some)
    assert left(made.folder) == {"out.parquet", "out.manifest.json"}


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

    assert left(made.folder) == {"out.parquet", "out.manifest.json"}
