"""One pull request for a model, whatever happened before."""

from datetime import timedelta

import pytest

from headgate.desired import Desired
from headgate.errors import PermanentError
from headgate.lint import lint
from headgate.names import Digest
from headgate.propose.actions import Close, Comment, Open, Update
from headgate.propose.attempts import SUPERSEDED
from headgate.records import codec
from headgate.records.change import PullRequest
from headgate.specs.environment import Ban, Serving, Version
from headgate.specs.reading import parse
from headgate.specs.writing import render_bans
from unit.gate.evidence import model
from unit.propose.circumstances import (
    BANS_PATH,
    CANDIDATE,
    CHAMPION,
    HEAD,
    JUDGED_AT,
    SERVING_PATH,
    SETTINGS,
    VERSION_PATH,
    analysis,
    env,
    evidence,
    only,
    performed,
    planned,
    pull_of,
    refusal,
    replaced,
    situation,
    tag,
    verdict,
    version_text,
)

NEWER = Digest("9" * 64)


def opened(**changes: object) -> PullRequest:
    """Return the candidate's first pull request."""
    return pull_of(only(planned()), 1, **changes)


@pytest.mark.parametrize("outcome", ["fail", "inconclusive"])
def test_only_a_pass_is_proposed(outcome: str) -> None:
    """The refusal says which answer the gate gave."""
    found = evidence()

    assert outcome in refusal(planned(found=found, verdict=verdict(found, outcome))).reason


def test_a_verdict_on_other_evidence_is_refused() -> None:
    """Evidence that was changed after the verdict proves nothing."""
    found = evidence()

    with pytest.raises(PermanentError, match="not on this evaluation"):
        planned(found=replaced(found, rows=1), verdict=verdict(found))


def test_desired_state_without_its_commit_is_refused() -> None:
    """A proposal needs a base."""
    with pytest.raises(PermanentError, match="without its commit"):
        planned(replaced(situation(), desired=Desired(env())))


def test_a_pass_opens_one_edit_of_one_file() -> None:
    """From main as it was read; the new version.yaml says what, and why."""
    found = evidence()

    proposal = only(planned(found=found)).proposal

    assert (proposal.purpose, proposal.base, proposal.settings) == ("promote", HEAD, SETTINGS)
    assert proposal.branch == f"promote/prod/flights/{CANDIDATE[:12]}-1"
    (edit,) = proposal.edits
    assert edit.path == VERSION_PATH
    version = parse(edit.text or "", Version, "version.yaml")
    assert (version.model.sha256, version.replaces) == (CANDIDATE, CHAMPION)
    assert (version.verdict, version.evidence) == (codec.digest(verdict(found)), codec.digest(found))
    assert (version.cause.trigger, version.run) == ("1f0c2a000000", "ct-1")
    assert version.summary.startswith("PASS: AUC +.010 [.003, .017] on 28,756 rows, 31 days; look 1, policy balanced@")


def test_what_is_proposed_passes_the_env_repos_lint() -> None:
    """Headgate's own edits merge."""
    edits = only(planned(storage_uri=f"s3://models/flights/{CANDIDATE}")).proposal.edits

    assert lint(Desired(env() | {edit.path: edit.text or "" for edit in edits})) == []


def test_the_same_facts_plan_the_same_bytes() -> None:
    """No clock, no chance."""
    assert codec.encode(only(planned())) == codec.encode(only(planned()))


def test_the_first_model_needs_no_champion() -> None:
    """Nothing is live, nothing is replaced."""
    found = evidence(champion=None, anchor=None, comparisons=(), slices=())

    proposal = only(planned(situation(env(None), ()), found)).proposal

    assert parse(proposal.edits[0].text or "", Version, "version.yaml").replaces is None
    assert "First model here" in proposal.body


def test_planning_again_after_opening_says_the_same_once_more() -> None:
    """A crash after the pull request, before recording it: the caller gets its number."""
    pulls = performed(planned())

    again = planned(situation(pulls=pulls))

    assert [type(action) for action in again] == [Update]
    assert performed(again, pulls) == pulls


def test_other_words_update_the_open_one_in_place() -> None:
    """The same verdict with a drift report, say, or a person's edit of the title."""
    pull = opened(title="please merge")

    (action,) = planned(situation(pulls=[pull]))

    assert isinstance(action, Update)
    assert performed([action], [pull]) == [opened()]


def test_a_merged_model_is_done() -> None:
    """Main names it: whether its canary is over or not."""
    texts = env(CANDIDATE)

    assert "merged already" in refusal(planned(situation(texts, pulls=[opened(state="merged")]))).reason


def test_the_champion_is_not_proposed_again() -> None:
    """Main was set back by hand and has not reached Healthy yet."""
    where = situation(env(CHAMPION), [tag(), tag(CANDIDATE, 2, days=1)])

    assert "champion of prod already" in refusal(planned(where)).reason


def test_what_a_person_closed_is_not_opened_again() -> None:
    """Their no stands for this model with these settings."""
    found = refusal(planned(situation(pulls=[opened(state="closed")])))

    assert "closed by a person" in found.reason
    assert found.next_step


def test_a_closed_one_without_its_mark_still_counts() -> None:
    """A body edited by hand does not reopen it."""
    assert "turned down" in refusal(planned(situation(pulls=[opened(state="closed", body="no")]))).reason


def test_new_serving_settings_make_a_new_attempt() -> None:
    """What was turned down was the pair."""
    where = situation(env(**{SERVING_PATH: "replicas: 3\n"}), pulls=[opened(state="closed")])

    assert only(planned(where)).proposal.branch.endswith("-2")


def test_a_newer_candidate_supersedes_the_older() -> None:
    """The comment comes before the closing, so that a crash between them leaves the reason."""
    later = evidence(model=model(NEWER))

    actions = planned(situation(pulls=[opened()]), later)

    assert [type(action) for action in actions] == [Open, Comment, Close]
    assert actions[1] == Comment(number=1, text=f"{SUPERSEDED} `promote/prod/flights/{NEWER[:12]}-1`.")
    assert actions[2] == Close(number=1)


@pytest.mark.parametrize("done", [1, 2])
def test_a_crash_while_superseding_is_finished(done: int) -> None:
    """Whatever was done, the same plan closes the rest."""
    later = evidence(model=model(NEWER))
    first = planned(situation(pulls=[opened()]), later)
    pulls = performed(first[:done], [opened()])

    rest = planned(situation(pulls=pulls), later)
    final = performed(rest, pulls)

    assert [pull.state for pull in final] == ["closed", "open"]
    assert any(comment.startswith(SUPERSEDED) for comment in final[0].comments)


def test_an_older_verdict_does_not_displace_a_newer_candidate() -> None:
    """A retried old run comes late."""
    later = evidence(model=model(NEWER))
    newer = only(planned(found=later, verdict=verdict(later, judged_at=JUDGED_AT + timedelta(days=7))))

    found = planned(situation(pulls=[pull_of(newer, 1)]))

    assert "newer candidate is open as pull request #1" in refusal(found).reason


def test_a_superseded_verdict_is_not_proposed_again_but_a_new_one_is() -> None:
    """Superseding was no judgement on the model."""
    closed = opened(state="closed", comments=(f"{SUPERSEDED} `x`.",))
    again = evidence(look=2)

    assert "superseded" in refusal(planned(situation(pulls=[closed]))).reason
    assert only(planned(situation(pulls=[closed]), again)).proposal.branch.endswith("-2")


def test_judged_again_the_same_model_gets_a_new_pull_request() -> None:
    """What a reviewer read is not changed under their eyes: other evidence is another attempt."""
    actions = planned(situation(pulls=[opened()]), evidence(look=2))

    assert [type(action) for action in actions] == [Open, Comment, Close]
    assert isinstance(actions[0], Open)
    assert actions[0].proposal.branch.endswith("-2")


def test_a_model_may_return_after_it_was_replaced() -> None:
    """Merged once, replaced since: that is history, not a refusal."""
    assert only(planned(situation(pulls=[opened(state="merged")]))).proposal.branch.endswith("-2")


def test_other_services_and_environments_do_not_count() -> None:
    """Their pull requests are left alone."""
    foreign = [
        opened(branch=f"promote/prod/rides/{CANDIDATE[:12]}-1", state="closed"),
        opened(branch=f"promote/dev/flights/{CANDIDATE[:12]}-1"),
        opened(branch="a-persons-branch"),
    ]

    assert only(planned(situation(pulls=foreign))).proposal.branch.endswith("-1")


@pytest.mark.parametrize("tags", [[tag(NEWER)], []])
def test_a_moved_champion_makes_the_verdict_stale(tags: list[object]) -> None:
    """A comparison with yesterday's champion is about yesterday."""
    found = refusal(planned(situation(tags=tags)))  # type: ignore[arg-type]

    assert "evaluate again" in found.reason


def test_a_promotion_on_its_way_makes_the_verdict_stale() -> None:
    """Main names a third model whose canary runs."""
    assert "evaluate again" in refusal(planned(situation(env(NEWER)))).reason


def test_a_failed_canary_is_reverted_first() -> None:
    """Main still names what failed."""
    failed = tag(NEWER, 1, "aborted", 1, analyses=(analysis("fail", NEWER),))

    found = refusal(planned(situation(env(NEWER), [tag(), failed])))

    assert found.next_step == "merge its revert"


def test_a_canary_that_ended_unjudged_makes_room() -> None:
    """It blames nobody, and nothing waits for it."""
    ended = tag(NEWER, 1, "aborted", 1, analyses=(analysis("error", NEWER),))

    assert only(planned(situation(env(NEWER), [tag(), ended]))).proposal.branch.endswith("-1")


def banned(settings: Digest = SETTINGS) -> dict[str, str]:
    ban = Ban(model=CANDIDATE, settings=settings, commit=HEAD, reason="p99 412 ms", at=JUDGED_AT)
    return env(**{BANS_PATH: render_bans([ban])})


def test_a_banned_pair_is_not_proposed() -> None:
    """The refusal names the reason, and the command that lifts it."""
    found = refusal(planned(situation(banned())))

    assert "p99 412 ms" in found.reason
    assert f"headgate unban flights prod --model {CANDIDATE[:12]}" in (found.next_step or "")


def test_a_ban_with_other_settings_does_not_count() -> None:
    """Bans are of pairs."""
    assert only(planned(situation(banned(Digest("7" * 64)))))
    assert only(planned(situation(banned() | {SERVING_PATH: "replicas: 2\n"})))


def test_a_model_is_first_live_in_the_environment_before() -> None:
    """And soaks there, counted from its first live tag."""
    order = "environments: [{name: dev}, {name: prod, after: dev, soak: P2D}]"
    texts = env(environments=("dev", "prod"), **{"promotion.yaml": order})
    in_dev = tag(CANDIDATE, environment="dev", at=JUDGED_AT)
    soaking, soaked = JUDGED_AT + timedelta(days=1), JUDGED_AT + timedelta(days=2)

    assert "not live in dev" in refusal(planned(situation(texts))).reason
    where = situation(texts, [tag(), in_dev])
    assert "until 2013-09-02" in refusal(planned(where, at=soaking)).reason
    assert only(planned(where, at=soaked))


def test_the_environments_canary_plan_wins() -> None:
    """serving.yaml is nearer to the cluster than service.yaml."""
    texts = env(**{SERVING_PATH: "canary: {steps: [5], questions: [errors]}\n"})

    body = only(planned(situation(texts))).proposal.body

    assert "Canary 5 %," in body
    assert "p99 >" not in body
    assert Serving() == Desired(env()).serving("prod", "flights")
    assert version_text(CHAMPION) == env()[VERSION_PATH]
