"""A model's features come from the code that trained it: where other code makes them, that is said."""

from unit.cli.terminal import Terminal, orders


def test_other_code_than_the_models_is_said_and_its_own_is_not(proposed: Terminal) -> None:
    """A pod has the model's own code; a checkout may have gone on."""
    orders(5).write_parquet(proposed.folder / "orders.parquet")

    same = proposed("score", "orders.parquet", "scores.parquet")
    with (proposed.folder / "contract.yaml").open("a") as file:
        file.write("# later\n")
    other = proposed("score", "orders.parquet", "scores.parquet")

    assert [(0, False), (0, True)] == [(said.code, "was trained by code" in said.err) for said in (same, other)]
    assert "next: use the files that trained it" in other.err
