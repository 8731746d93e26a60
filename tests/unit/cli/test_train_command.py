"""Training by hand: the same bytes made again are the same model."""

from unit.cli.terminal import Terminal


def test_a_model_made_again_by_other_code_is_the_same_model(proposed: Terminal) -> None:
    """Whoever was refused and edits the policy, a role or a comment goes on; the bytes have not changed."""
    path = proposed.folder / "service.yaml"
    text = path.read_text(encoding="utf-8").replace("policy: balanced", "policy: permissive")
    path.write_text(f"{text}# another comment\n", encoding="utf-8")

    said = proposed("train")

    assert (0, "") == (said.code, said.err)
