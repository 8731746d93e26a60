"""Lifting a ban is a commit with its reason."""

import pytest

from headgate.errors import PermanentError
from headgate.names import Commit, Digest, Name
from headgate.propose import unban
from headgate.propose.actions import Nothing, Open, Situation
from headgate.specs.environment import Ban, Bans
from headgate.specs.reading import parse
from headgate.specs.writing import render_bans
from unit.gate.evidence import CANDIDATE, CHAMPION
from unit.propose.circumstances import BANS_PATH, JUDGED_AT, SETTINGS, env, pull_of, situation

FLIGHTS = Name("flights")
OTHER = Digest("7" * 64)


def ban(model: Digest = CANDIDATE, settings: Digest = SETTINGS) -> Ban:
    return Ban(model=model, settings=settings, commit=Commit("3" * 40), reason="p99 | 412 ms", at=JUDGED_AT)


def where(*bans: Ban, **changes: object) -> Situation:
    return situation(env(**{BANS_PATH: render_bans(bans)}), **changes)  # type: ignore[arg-type]


def lifted(found: Situation, model: str = CANDIDATE[:12], **changes: str) -> Open:
    (action,) = unban.plan(found, FLIGHTS, model, changes.pop("reason", "fixed the index"), **changes)
    assert isinstance(action, Open), action
    return action


def kept(opened: Open) -> list[tuple[str, str]]:
    (edit,) = opened.proposal.edits
    assert edit.path == BANS_PATH
    return [(one.model, one.settings) for one in parse(edit.text or "", Bans, "bans.yaml").bans]


def test_the_pair_goes_and_the_others_stay() -> None:
    """The body says why it was banned, and why no longer."""
    opened = lifted(where(ban(), ban(CHAMPION)))

    assert kept(opened) == [(CHAMPION, SETTINGS)]
    assert opened.proposal.branch == f"unban/prod/flights/{CANDIDATE[:12]}-1"
    assert "fixed the index" in opened.proposal.body
    assert "p99 \\| 412 ms" in opened.proposal.body


def test_all_settings_of_a_model_go_unless_one_is_named() -> None:
    """A person says which."""
    found = where(ban(), ban(settings=OTHER))

    assert kept(lifted(found)) == []
    assert kept(lifted(found, settings=OTHER[:12])) == [(CANDIDATE, SETTINGS)]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_needed(reason: str) -> None:
    """It is what the next person reads."""
    with pytest.raises(PermanentError, match="for a reason"):
        unban.plan(where(ban()), FLIGHTS, CANDIDATE, reason)


@pytest.mark.parametrize(("model", "message"), [("ccc", "too short"), ("", "too short"), ("cccccc", "several")])
def test_the_model_must_be_clear(model: str, message: str) -> None:
    """A beginning that two banned models share means neither."""
    twin = Digest("c" * 12 + "0" * 52)

    with pytest.raises(PermanentError, match=message):
        unban.plan(where(ban(), ban(twin)), FLIGHTS, model, "x")


def test_what_is_not_banned_needs_nothing() -> None:
    """The answer names what is."""
    (found,) = unban.plan(where(ban()), FLIGHTS, CHAMPION, "x")

    assert isinstance(found, Nothing)
    assert found.next_step == f"banned: {CANDIDATE[:12]}"


def test_asking_twice_is_one_pull_request_and_a_later_ban_another() -> None:
    """The second attempt has its own branch."""
    first = lifted(where(ban()))

    (again,) = unban.plan(where(ban(), pulls=[pull_of(first, 5)]), FLIGHTS, CANDIDATE, "x")

    assert isinstance(again, Nothing)
    assert "#5" in again.reason
    later = lifted(where(ban(), pulls=[pull_of(first, 5, state="merged")]))
    assert later.proposal.branch.endswith("-2")
