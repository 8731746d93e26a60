"""The way back restores what last reached Healthy, once, and only after a failure."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.desired import Desired, settings_digest
from headgate.errors import PermanentError
from headgate.lint import lint
from headgate.names import Commit, Digest, Name
from headgate.propose import revert
from headgate.propose.actions import Action, Close, Comment, Nothing, Open, Situation, Update
from headgate.records.change import PullRequest
from headgate.records.live import LiveTag
from headgate.specs.environment import Bans
from headgate.specs.reading import parse
from headgate.specs.writing import render_bans
from unit.gate.evidence import CANDIDATE, CHAMPION
from unit.propose.circumstances import (
    BANS_PATH,
    SERVING_PATH,
    SETTINGS,
    SLOW,
    VERSION_PATH,
    analysis,
    answer,
    env,
    only,
    performed,
    pull_of,
    refusal,
    revision,
    situation,
    tag,
    version_text,
)

FLIGHTS = Name("flights")
SLOWED = settings_digest(SLOW)
SLOW_TEXT = "faults: {delay_ms: 400}\n"
OLDER = Digest("8" * 64)
APP_PATH = "env/prod/flights/app.yaml"


def edits(opened: Open) -> dict[str, str | None]:
    return {edit.path: edit.text for edit in opened.proposal.edits}


def failed(**changes: Any) -> tuple[Action, ...]:
    """Return the plan after the candidate failed its canary, with main still naming it."""
    told = changes.pop("told", None) or analysis()
    where = changes.pop("where", None) or situation(env(CANDIDATE))
    return revert.plan(told, where, changes.pop("before", env()), **changes)


@pytest.mark.parametrize("outcome", ["pass", "inconclusive", "error"])
def test_only_a_failed_analysis_reverts(outcome: str) -> None:
    """No data is not guilt."""
    assert f"the analysis is {outcome}" in refusal(failed(told=analysis(outcome))).reason


def test_a_failed_model_is_taken_back_and_banned() -> None:
    """One pull request: version.yaml as it was, and the pair with its reason."""
    proposal = only(failed()).proposal

    assert proposal.branch == f"revert/prod/flights/{'3' * 12}"
    assert proposal.title == (f"flights → prod: REVERT to {CHAMPION[:12]} (canary of {CANDIDATE[:12]} failed at 10 %)")
    found = edits(only(failed()))
    assert set(found) == {VERSION_PATH, BANS_PATH}
    assert found[VERSION_PATH] == version_text(CHAMPION)
    (ban,) = parse(found[BANS_PATH] or "", Bans, "bans.yaml").bans
    assert (ban.model, ban.settings, ban.commit) == (CANDIDATE, SETTINGS, "3" * 40)
    assert ban.reason.startswith("canary failed at 10 %: p99, 127 of 412 answers were bad, 1 % is allowed; stable")


def test_what_is_restored_passes_the_env_repos_lint() -> None:
    """And takes the ban off what main names."""
    texts = env(CANDIDATE) | {path: text or "" for path, text in edits(only(failed())).items()}

    assert lint(Desired(texts)) == []


def test_failed_settings_are_taken_back_without_blaming_the_model() -> None:
    """The champion with slow settings failed: serving.yaml goes back, and the pair is banned."""
    where = situation(env(**{SERVING_PATH: SLOW_TEXT}))

    found = edits(only(failed(told=analysis(revision=revision(CHAMPION, SLOWED)), where=where)))

    assert found[SERVING_PATH] == env()[SERVING_PATH]
    assert VERSION_PATH not in found
    (ban,) = parse(found[BANS_PATH] or "", Bans, "bans.yaml").bans
    assert (ban.model, ban.settings) == (CHAMPION, SLOWED)


def test_model_and_settings_that_changed_together_go_back_together() -> None:
    """Nobody can tell which it was."""
    where = situation(env(CANDIDATE, **{SERVING_PATH: SLOW_TEXT}))

    found = edits(only(failed(told=analysis(revision=revision(CANDIDATE, SLOWED)), where=where)))

    assert set(found) == {VERSION_PATH, SERVING_PATH, BANS_PATH}


def test_a_failed_chart_is_taken_back_without_a_ban() -> None:
    """Model and settings are those that serve well."""
    where = situation(env(**{APP_PATH: "chart: 0.2.0\n"}))
    told = analysis(revision=revision(CHAMPION, chart="0.2.0/0.1.0"))

    opened = only(failed(told=told, where=where))

    assert set(edits(opened)) == {APP_PATH}
    assert "the chart alone changed" in opened.proposal.body


def test_it_goes_back_to_the_last_healthy_not_to_the_parent() -> None:
    """A live, B aborted, C fails: back to A."""
    tags = [tag(CHAMPION, 1), tag(OLDER, 1, "aborted", 1)]

    found = edits(only(failed(where=situation(env(CANDIDATE), tags))))

    assert found[VERSION_PATH] == version_text(CHAMPION)


def test_the_newest_of_several_live_tags_is_the_target() -> None:
    """And never the failed revision itself."""
    tags = [tag(OLDER, 1), tag(CHAMPION, 2, days=9), tag(CANDIDATE, 3, days=10), tag(OLDER, 9, environment="dev")]

    found = revert.target(situation(tags=tags), FLIGHTS, revision(CANDIDATE))

    assert isinstance(found, LiveTag)
    assert (found.seq, found.revision.model) == (2, CHAMPION)


def test_a_first_model_that_failed_leaves_nothing() -> None:
    """There is no healthy state: version.yaml goes."""
    opened = only(failed(where=situation(env(CANDIDATE), ()), before={}))

    assert edits(opened)[VERSION_PATH] is None
    assert "REVERT to nothing" in opened.proposal.title
    assert "Nothing: no model was live before." in opened.proposal.body


@pytest.mark.parametrize("before", [{}, env(OLDER)])
def test_files_that_are_not_the_healthy_ones_are_refused(before: dict[str, str]) -> None:
    """A revert to a wrong model would be worse than none."""
    with pytest.raises(PermanentError, match="do not name"):
        failed(before=before)


def test_when_main_has_moved_on_only_the_ban_is_added() -> None:
    """A person reverted by hand meanwhile."""
    opened = only(failed(where=situation(env(CHAMPION))))

    assert set(edits(opened)) == {BANS_PATH}
    assert f"BAN {CANDIDATE[:12]}" in opened.proposal.title


def test_when_all_is_done_nothing_is_left() -> None:
    """Reverted and banned: the same failure told once more."""
    done = env(CHAMPION) | {BANS_PATH: edits(only(failed()))[BANS_PATH] or ""}

    assert "no longer names" in refusal(failed(where=situation(done))).reason


def test_the_same_failure_is_one_pull_request() -> None:
    """A webhook and the watch both see it."""
    first = only(failed())
    where = situation(env(CANDIDATE), pulls=[pull_of(first, 4)])

    (again,) = failed(where=where)

    assert again == Update(number=4, title=first.proposal.title, body=first.proposal.body)


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_a_decided_revert_is_not_asked_for_again(state: str) -> None:
    """A person's no stands here too."""
    where = situation(env(CANDIDATE), pulls=[pull_of(only(failed()), 4, state=state)])

    assert f"#4 for this commit is {state}" in refusal(failed(where=where)).reason


def merged_revert(**changes: Any) -> PullRequest:
    made = pull_of(only(failed()), 4, state="merged", merge_commit=Commit("4" * 40))
    return replace(made, branch="revert/prod/flights/ffffffffffff", closed_at=made.opened_at, **changes)


@pytest.mark.parametrize("commit", ["merge_commit", "head"])
def test_a_revert_is_not_reverted(commit: str) -> None:
    """The loop ends with a person."""
    pull = merged_revert()
    told = analysis(model=CHAMPION, commit=getattr(pull, commit))

    assert "no revert of a revert" in refusal(failed(told=told, where=situation(env(CHAMPION), pulls=[pull]))).reason


def test_what_a_revert_restored_is_not_reverted_at_a_later_commit() -> None:
    """The ring may judge the same revision at another commit of main."""
    tags = [tag(OLDER, 1), tag(CHAMPION, 2, days=1)]
    where = situation(env(CHAMPION), tags, [merged_revert()])

    assert "no revert of a revert" in refusal(failed(told=analysis(model=CHAMPION), where=where)).reason


@pytest.mark.parametrize("purpose", ["promote", "settings"])
def test_a_promotion_after_a_revert_may_be_reverted(purpose: str) -> None:
    """Only the revert's own outcome is left alone."""
    later = merged_revert(opened_at=merged_revert().opened_at + timedelta(days=1))
    later = replace(
        later, branch=f"{purpose}/prod/flights/x-1", closed_at=later.opened_at, merge_commit=Commit("3" * 40)
    )
    where = situation(env(CANDIDATE), pulls=[merged_revert(), later])

    assert isinstance(only(failed(where=where)), Open)


def test_the_body_shows_the_proof() -> None:
    """Its numbers beside stable's, both series, who met it, what serves, what is banned and how to lift it."""
    begun = analysis().started_at
    first = analysis(
        "pass", weight=5, started_at=begun - timedelta(hours=1), answers=(answer(outcome="pass", share=0.0),)
    )

    text = only(failed(analyses=(first, analysis()))).proposal.body

    for part in (
        "| p99 | 127 of 412: 31 % [24.8 %, 37.2 %] | 0.2 % | 1 % | **fail** |",
        "| errors | 0 of 412: 0 % [0 %, 0 %] | 0.2 % | 1 % | pass |",
        "at 5 %, 10 %\n  canary ▁█ 31 %\n  stable ▁▁ 0.2 %",
        "824 requests at 5 %, 10 %, 127 of them spoiled",
        f"`{CHAMPION[:12]}`, all of the traffic.",
        f"- model: `{CHAMPION[:12]}` → `{CANDIDATE[:12]}`",
        f"This restores `{VERSION_PATH}`.",
        f"`headgate unban flights prod --model {CANDIDATE[:12]} --reason '…'`",
        '"kind": "analysis/1"',
    ):
        assert part in text, part


def test_the_failing_analysis_is_plotted_once_however_it_is_given() -> None:
    """Callers may or may not put it into the list."""
    assert failed(analyses=(analysis(),)) == failed(analyses=()) == failed()


def test_a_step_judged_twice_counts_its_requests_once() -> None:
    """Counts run from the step's beginning: the last judgement has them all."""
    earlier = analysis("inconclusive", canary_requests=200, ended_at=analysis().started_at + timedelta(minutes=1))

    text = only(failed(analyses=(earlier,))).proposal.body

    assert "412 requests at 10 %, 127 of them spoiled" in text


def test_hostile_details_cannot_break_out_of_the_body() -> None:
    """An answer's detail may quote a server."""
    hostile = "```\n</details><img src=x> @admin | `x` " + "z" * 90_000
    told = analysis(answers=(answer(detail=hostile), answer("x`|<b>", detail=hostile)))

    text = only(failed(told=told)).proposal.body

    assert len(text) < 60_000
    assert text.count("```") == 4
    prose = "".join(text.split("```")[::2])
    assert "\n</details><img" not in prose
    assert "@admin" not in prose


def conflicting(*pulls: PullRequest, numbers: tuple[int, ...]) -> Situation:
    """Return prod with the candidate on main, and reverts of it that can no longer be merged."""
    return replace(situation(env(CANDIDATE), pulls=pulls), conflicting=numbers)


def test_a_revert_that_main_left_behind_is_asked_for_anew() -> None:
    """The stale one is closed with a word; the next attempt is made on main as it is now."""
    stale = pull_of(only(failed()), 4)

    comment, close, opened = failed(where=conflicting(stale, numbers=(4,)))

    assert isinstance(comment, Comment)
    assert comment.text.startswith("Stale: main changed what this changes")
    assert Close(number=4) == close
    assert isinstance(opened, Open)
    assert f"revert/prod/flights/{'3' * 12}-2" == opened.proposal.branch


def test_asking_anew_goes_on_wherever_it_was_killed() -> None:
    """Commented, closed, opened: asked again after each, exactly one revert is open in the end."""
    pulls = performed(failed())
    where = conflicting(*pulls, numbers=(1,))
    actions = failed(where=where)
    for done in range(len(actions) + 1):
        after = performed(actions[:done], pulls)
        again = performed(failed(where=replace(where, pull_requests=tuple(after))), after)
        assert [f"revert/prod/flights/{'3' * 12}-2"] == [pull.branch for pull in again if pull.state == "open"]
        assert 2 == len(again)


def test_a_revert_that_nobody_needs_any_more_is_closed() -> None:
    """Somebody went back by hand, and banned the pair: the stale one would only lie around."""
    (ban,) = parse(edits(only(failed()))[BANS_PATH] or "", Bans, "bans.yaml").bans
    by_hand = env(CHAMPION, **{BANS_PATH: render_bans((ban,))})
    where = replace(situation(by_hand, pulls=[pull_of(only(failed()), 4)]), conflicting=(4,))

    comment, close, nothing = failed(where=where)

    assert isinstance(comment, Comment)
    assert (Close(number=4), Nothing) == (close, type(nothing))


def test_a_revert_that_a_person_closed_stays_closed() -> None:
    """Only what Headgate closed itself is asked for anew."""
    closed = replace(pull_of(only(failed()), 4), state="closed")

    assert "is closed" in refusal(failed(where=conflicting(closed, numbers=()))).reason


def test_an_undo_that_main_left_behind_is_asked_for_anew() -> None:
    """A person asks once more, and gets one that can be merged."""
    where = situation(env(CANDIDATE), [tag(OLDER, 1), tag(CANDIDATE, 2, days=9)])
    first = only(revert.undo(where, FLIGHTS, env(OLDER), ""))
    stale = replace(pull_of(first, 4), branch="revert/prod/flights/older")

    actions = revert.undo(replace(where, pull_requests=(stale,), conflicting=(4,)), FLIGHTS, env(OLDER), "")

    assert [Comment, Close, Open] == [type(action) for action in actions]


# A person's undo


def test_an_undo_goes_back_to_the_model_before() -> None:
    """Nothing failed, so nothing is banned."""
    tags = [tag(OLDER, 1), tag(CHAMPION, 2, days=9)]

    opened = only(revert.undo(situation(tags=tags), FLIGHTS, env(OLDER), "EWR complains"))

    assert edits(opened) == {VERSION_PATH: version_text(OLDER)}
    assert opened.proposal.purpose == "revert"
    assert "EWR complains" in opened.proposal.body


def test_an_undo_of_a_running_canary_goes_back_to_the_champion() -> None:
    """Main names what is not live yet."""
    opened = only(revert.undo(situation(env(CANDIDATE)), FLIGHTS, env(), ""))

    assert edits(opened) == {VERSION_PATH: version_text(CHAMPION)}


def test_an_undo_needs_something_to_go_back_to() -> None:
    """And waits for a revert that is open already."""
    assert "nothing else was live" in refusal(revert.undo(situation(), FLIGHTS, env(), "")).reason
    assert "nothing else was live" in refusal(revert.undo(situation(env(None), ()), FLIGHTS, {}, "")).reason
    waiting = situation(env(CANDIDATE), pulls=[pull_of(only(failed()), 4)])
    assert "open as pull request #4" in refusal(revert.undo(waiting, FLIGHTS, env(), "")).reason
