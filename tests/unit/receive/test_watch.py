"""What the receiver does about a Rollout: statuses, tags, the revert, and never too much."""

from msgspec.structs import replace

from headgate.names import Commit, Name
from headgate.records.change import Edit, Proposal, PullRequest
from headgate.records.codec import decode
from headgate.records.live import LiveTag
from unit.receive.world import A, B, C, World


def opened(world: World, purpose: str) -> PullRequest:
    """Return an open pull request of a purpose."""
    edits = (Edit(path="env/prod/flights/app.yaml", text=f"chart: {purpose}\n"),)
    proposal = Proposal(
        purpose=purpose,  # type: ignore[arg-type]
        service=Name("flights"),
        environment=Name("prod"),
        base=world.forge.head() or Commit(""),
        branch=f"{purpose}/prod/flights/cccccccccccc-1",
        title=purpose,
        body="words",
        edits=edits,
    )
    return world.forge.open(proposal)


def test_the_first_deploy_is_tagged_live(world: World) -> None:
    """There is nothing it could be mistaken for."""
    assert world.tags() == ["live/prod/flights/1"]
    assert world.status(str(world.forge.head())) == ("success", "live")


def test_a_canary_says_on_its_commit_where_it_is(world: World) -> None:
    """Reviewers read the weight; a merge has to wait."""
    commit = world.name(B)

    world.look()

    assert world.status(commit) == ("pending", "canary at 10 %")


def test_a_promoted_canary_is_tagged_with_what_was_judged(world: World) -> None:
    """The tag bears its pods, by which they are known again."""
    commit = world.go_live(B)

    tag = decode(world.forge.tags("live/")[-1].message.encode(), LiveTag)

    assert (tag.seq, tag.revision.model, tag.commit) == (2, B, commit)
    assert [analysis.outcome for analysis in tag.analyses] == ["pass"]
    assert tag.pods == world.cluster.kept["flights"].stable


def test_a_failed_canary_is_reverted_once_and_banned(world: World) -> None:
    """Tag, status, pull request with its merge by rule; a second look finds nothing to do."""
    commit = world.name(B)
    world.examine("Failed")

    world.look()
    again = world.look()

    (pull,) = world.pulls()
    assert pull.branch == f"revert/prod/flights/{commit[:12]}"
    assert pull.state == "merged"
    assert "40 of 200" in pull.body
    assert world.tags() == ["live/prod/flights/1", "aborted/prod/flights/1"]
    assert world.desired().revision("prod", "flights").model == A  # type: ignore[union-attr]
    assert [ban.model for ban in world.desired().bans("prod", "flights")] == [B]
    assert again.done == ()


def test_reverts_wait_for_a_person_where_promotion_yaml_says_so(world: World) -> None:
    """The pull request is open, and its head may be merged at once."""
    promotion = world.desired().texts["promotion.yaml"]
    world.write("promotion.yaml", promotion.replace("reverts_merge: by_rule", "reverts_merge: by_person"))
    world.name(B)
    world.examine("Failed")

    world.look()

    (pull,) = world.pulls()
    assert pull.state == "open"
    assert world.status(pull.head) == ("success", "nothing keeps this from being merged")


def test_an_analysis_that_did_not_fail_blames_nobody(world: World) -> None:
    """Prometheus was down: no revert, no ban; the tag says the canary ended."""
    world.name(B)
    world.examine("Error")

    world.look()

    assert world.pulls() == []
    assert world.desired().bans("prod", "flights") == ()
    assert "aborted/prod/flights/1" in world.tags()


def test_a_revert_that_was_merged_is_healthy_and_no_new_canary(world: World) -> None:
    """The stable pods are what main names again: live, without another tag."""
    world.name(B)
    world.examine("Failed")
    world.look()
    world.sync()

    world.look()

    assert world.tags() == ["live/prod/flights/1", "aborted/prod/flights/1"]
    assert world.status(str(world.forge.head())) == ("success", "live")


def test_a_person_reverts_in_mid_canary(world: World) -> None:
    """The canary's commit must not stay pending for ever."""
    commit = world.name(B)
    world.look()
    world.name(A)

    world.look()

    assert world.status(commit) == ("failure", "withdrawn: main names another revision")
    assert world.pulls() == []


def test_what_was_live_does_not_fail_by_being_followed(world: World) -> None:
    """A, then B live: A's commit says what it said."""
    first = str(world.forge.head())
    second = world.go_live(B)
    world.name(C)

    world.look()

    assert (world.status(first), world.status(second)) == (("success", "live"), ("success", "live"))


def test_a_version_that_was_live_is_promoted_without_steps(world: World) -> None:
    """The same pods, named by main, live before, not banned."""
    world.go_live(B)
    world.name(A)

    world.look()

    assert world.cluster.promoted == [world.cluster.kept["flights"].current]


def test_a_version_that_never_was_live_takes_its_steps(world: World) -> None:
    """A live; B in canary; C merged in spite of the block and promoted; C reverted, so that main names B again."""
    world.name(B)
    world.look()
    world.go_live(C)
    world.name(B)

    world.look()

    assert world.cluster.promoted == []
    assert [tag.rsplit("/", 1)[0] for tag in world.tags()] == ["live/prod/flights"] * 2


def test_marks_that_run_ahead_of_the_pods_promote_nothing(world: World) -> None:
    """For a second the Rollout names A, which was live, while B's pods are in canary."""
    world.go_live(B)
    world.name(C)
    ahead = world.cluster.kept["flights"]
    world.name(A)
    world.cluster.kept["flights"] = replace(ahead, marks=world.cluster.kept["flights"].marks)

    world.look()

    assert world.cluster.promoted == []


def test_an_analysis_made_from_the_template_of_before_is_not_believed(world: World) -> None:
    """A's pods are warm: they are judged before A's AnalysisTemplate is there, by one that names B."""
    world.go_live(B)
    before = world.cluster.kept["flights"].marks
    world.name(A)
    world.examine("Running")
    ahead = world.cluster.kept["flights"]
    (found,) = ahead.judged
    others = tuple(one for one in ahead.examinations if one != found)
    world.cluster.kept["flights"] = replace(ahead, examinations=(*others, replace(found, marks=before)))

    world.look()
    world.cluster.promote_all("flights", world.now)
    world.look()

    tag = decode(world.forge.tags("live/")[-1].message.encode(), LiveTag)
    assert world.cluster.promoted == [ahead.current]
    assert (tag.seq, tag.revision.model) == (3, A)


def test_a_canary_held_to_its_deadline_is_ended_without_guilt(world: World) -> None:
    """No data for two hours: abort, and nobody is blamed."""
    world.name(B)
    world.examine("Running")
    world.look()
    before = list(world.cluster.aborted)
    world.later(hours=2)

    world.look()

    assert (before, world.cluster.aborted) == ([], ["flights"])
    assert world.pulls() == []


def test_each_step_has_a_deadline_of_its_own(world: World) -> None:
    """Two steps of ninety minutes each pass; the watch beside them has run all the time."""
    world.name(B)
    world.examine("Running", step=-1)
    world.later(minutes=90)
    world.examine("Successful", step=2)
    world.later(minutes=90)
    world.examine("Running", step=5)

    world.look()

    assert world.cluster.aborted == []


def test_an_analysis_that_ended_without_an_answer_counts_from_its_beginning(world: World) -> None:
    """It asked until the deadline, so the pause after it is over at once."""
    world.name(B)
    world.examine("Running")
    world.later(hours=2)
    world.examine("Inconclusive", begun=7200)

    world.look()

    assert world.cluster.aborted == ["flights"]


def test_a_canary_blocks_promotions_and_no_way_out(world: World) -> None:
    """An open promotion's head is pending; a revert's says success."""
    promote, unban = (opened(world, purpose) for purpose in ("promote", "unban"))
    world.name(B)

    world.look()

    assert world.status(promote.head) == ("pending", "waits: a canary of this service is on its way")
    assert world.status(unban.head) == ("success", "nothing keeps this from being merged")


def test_a_receiver_that_was_away_finds_the_abort(world: World) -> None:
    """Right by watch: nobody told it."""
    world.name(B)
    world.examine("Failed")
    world.watch = world.replica()

    world.look()

    assert len(world.pulls()) == 1


def test_a_revert_two_versions_on_restores_the_last_that_was_live(world: World) -> None:
    """A, then B live, C failed: back to B; its files are those of B's tag."""
    world.go_live(B)
    world.name(C)
    world.examine("Failed")

    world.look()

    revision = world.desired().revision("prod", "flights")
    assert revision is not None
    assert revision.model == B
