"""A model's features come from the code that trained it: from the store, where a checkout has gone on."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.records.codec import decode, encode
from headgate.records.model import ServiceCode
from headgate.records.scoring import Partitions
from unit.cli.terminal import Terminal, orders


@pytest.fixture
def gone_on(proposed: Terminal) -> Terminal:
    """Return a terminal whose checkout has another contract by now, one that no row keeps."""
    orders(5).write_parquet(proposed.folder / "orders.parquet")
    assert proposed("score", "orders.parquet", "before.parquet").err == ""
    contract = proposed.folder / "contract.yaml"
    contract.write_text("columns:\n  gone: {type: number}\n  late: {type: boolean, role: label}\n")
    return proposed


def kept_code(folder: Path) -> Path:
    (found,) = folder.glob(".headgate/store/code/orders/*.json")
    return found


def test_a_file_is_scored_by_the_code_that_trained_the_model(gone_on: Terminal) -> None:
    """As a pod does it; a checkout may have gone on, and that is said."""
    said = gone_on("score", "orders.parquet", "after.parquet")

    assert said.code == 0, said.err
    assert f"are those that trained the model, code {kept_code(gone_on.folder).stem[:12]} of the store" in said.err
    before, after = [(gone_on.folder / name).read_bytes() for name in ("before.parquet", "after.parquet")]
    assert before == after


def test_shares_are_scored_by_the_code_of_their_plan(gone_on: Terminal) -> None:
    """Whatever each process has checked out."""
    divided = gone_on("partition", "orders.parquet", "after.parquet", "--out", "shares.json")
    (gone_on.folder / "contract.yaml").write_text("# and on\n")
    share = gone_on("score", "--from", "shares.json", "--share", "1/1")
    gathered = gone_on("gather", "--from", "shares.json")

    assert [0, 0, 0] == [each.code for each in (divided, share, gathered)], (divided, share, gathered)
    plan = decode((gone_on.folder / "shares.json").read_bytes(), Partitions).plan
    assert plan.code == kept_code(gone_on.folder).stem
    before, after = [(gone_on.folder / name).read_bytes() for name in ("before.parquet", "after.parquet")]
    assert before == after


def test_code_that_somebody_changed_in_the_store_is_refused(gone_on: Terminal) -> None:
    """By its digest, before any of it runs; nothing appears."""
    kept = kept_code(gone_on.folder)
    code = decode(kept.read_bytes(), ServiceCode)
    kept.chmod(0o644)
    kept.write_bytes(encode(replace(code, files=code.files | {"own.py": b""})))

    said = gone_on("score", "orders.parquet", "after.parquet")

    assert said.code == 1
    assert "is corrupt: its files have sha256" in said.err
    assert not (gone_on.folder / "after.parquet").exists()


def test_a_model_whose_code_is_not_kept_is_scored_by_what_is_here_and_that_is_said(proposed: Terminal) -> None:
    """It was trained before the store kept code."""
    orders(5).write_parquet(proposed.folder / "orders.parquet")
    kept_code(proposed.folder).unlink()
    with (proposed.folder / "contract.yaml").open("a") as file:
        file.write("# later\n")

    said = proposed("score", "orders.parquet", "scores.parquet")

    assert (said.code, "was trained by code" in said.err) == (0, True)
    assert "next: use the files that trained it" in said.err
