"""A revert that main left behind is asked for anew as `-2`; from then on that one is the revert, whatever happens."""

import pytest

from unit.receive.world import B, C, World

BANS = "env/prod/flights/bans.yaml"
BAN = f"bans:\n- {{model: {C}, settings: '{'0' * 64}', commit: '{'0' * 40}', reason: x, at: '2026-01-01T00:00:00Z'}}\n"


@pytest.fixture
def asked_anew(world: World) -> World:
    """Give a world whose revert was left behind, as a person banned something else meanwhile."""
    by_person(world, "by_person")
    world.name(B)
    world.examine("Failed")
    world.look()
    world.write(BANS, BAN)
    world.look()
    return world


def by_person(world: World, who: str) -> None:
    before, _, after = world.desired().texts["promotion.yaml"].partition("reverts_merge: ")
    world.write("promotion.yaml", f"{before}reverts_merge: {who}{after[after.index(chr(10)) :]}")


def states(world: World) -> list[tuple[str, str]]:
    return [(pull.branch.rpartition("/")[2][12:], pull.state) for pull in world.pulls()]


def test_the_next_attempt_is_opened_once(asked_anew: World) -> None:
    """Further looks, by another replica too, find it."""
    asked_anew.look()
    asked_anew.watch = asked_anew.replica()

    again = asked_anew.look()

    assert states(asked_anew) == [("", "closed"), ("-2", "open")]
    assert again.done == ()


def test_the_next_attempt_is_merged_where_the_rule_comes_later(asked_anew: World) -> None:
    """Its ban comes beside the other."""
    by_person(asked_anew, "by_rule")

    asked_anew.look()

    assert states(asked_anew) == [("", "closed"), ("-2", "merged")]
    assert {B, C} == {ban.model for ban in asked_anew.desired().bans("prod", "flights")}


def test_after_the_next_attempt_was_merged_nothing_is_left_to_do(asked_anew: World) -> None:
    """The first one's end is no reason to ask a third time, nor is a merge of the same model by hand."""
    asked_anew.forge.merge(asked_anew.pulls()[-1].number, "ann")
    asked_anew.sync()
    asked_anew.look()
    asked_anew.watch = asked_anew.replica()
    asked_anew.name(B)

    asked_anew.look()

    assert states(asked_anew) == [("", "closed"), ("-2", "merged")]


def test_what_a_person_closed_is_not_asked_for_a_third_time(asked_anew: World) -> None:
    """That attempt was rejected, and with it the revert."""
    asked_anew.forge.close(asked_anew.pulls()[-1].number, "ann")

    asked_anew.look()

    assert states(asked_anew) == [("", "closed"), ("-2", "closed")]
