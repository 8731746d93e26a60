"""Who is live, since when, because of what: from a real env repo."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.adapters.forges.gitdir import GitDir
from headgate.desired import Desired, initial, live_tags
from headgate.errors import PermanentError
from headgate.names import Commit, Digest, Name
from headgate.propose import revert
from headgate.propose.actions import Open, Situation
from headgate.records import codec
from headgate.records.change import Edit, Proposal, PullRequest
from headgate.records.live import LiveTag
from headgate.why import History, Row, status, why
from unit.propose.circumstances import VERSION_PATH, analysis, revision, tag, version_text

A, B, C = Digest("a" * 64), Digest("b" * 64), Digest("c" * 64)
START = datetime(2013, 3, 1, 6, tzinfo=UTC)
FLIGHTS, PROD = Name("flights"), Name("prod")


class Ring:
    """A real env repo, and a clock that a test moves."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.forge = GitDir.create(folder / "env.git", initial(["prod"], "flights"), clock=lambda: self.now)

    def head(self) -> Commit:
        head = self.forge.head()
        assert head is not None
        return head

    def promote(self, model: Digest, by: str = "reviewer") -> PullRequest:
        """Ask for a model, and an hour later merge it."""
        text = version_text(model, f"t-{model[:4]}")
        proposal = Proposal(
            purpose="promote",
            service=FLIGHTS,
            environment=PROD,
            base=self.head(),
            branch=f"promote/prod/flights/{model[:12]}-1",
            title=f"flights → prod: {model[:4]}",
            body="",
            edits=(Edit(path=VERSION_PATH, text=text),),
        )
        number = self.forge.open(proposal).number
        self.now += timedelta(hours=1)
        return self.forge.merge(number, by, self.now)

    def ends(self, outcome: str, model: Digest, seq: int, *outcomes: str) -> None:
        """Say how a canary ended, an hour after the merge."""
        self.now += timedelta(hours=1)
        made = tag(model, seq, outcome, revision=revision(model), commit=self.head(), at=self.now)
        made = replace(made, analyses=tuple(analysis(one, model) for one in outcomes))
        name = "live" if outcome == "live" else "aborted"
        self.forge.tag(f"{name}/prod/flights/{seq}", self.head(), codec.encode(made).decode(), self.now)

    def tags(self) -> list[LiveTag]:
        return live_tags(one.message for kind in ("live", "aborted") for one in self.forge.tags(f"{kind}/prod"))

    def history(self) -> History:
        """Return why, read as a command reads it."""
        log = self.forge.log(VERSION_PATH, self.head())
        commits = {entry.commit for entry in log} | {one.commit for one in self.tags()}
        texts = {commit: self.forge.read(VERSION_PATH, commit) for commit in commits}
        versions = {commit: text for commit, text in texts.items() if text is not None}
        return why(FLIGHTS, PROD, log, self.tags(), self.forge.pull_requests("flights"), versions)

    def desired(self) -> Desired:
        head = self.head()
        return Desired({path: self.forge.read(path, head) or "" for path in self.forge.paths("", head)}, head)

    def reverted(self, model: Digest, commit: Commit) -> PullRequest:
        """Open the revert of a failed canary, and half an hour later merge it."""
        where = Situation(
            environment=PROD,
            desired=self.desired(),
            tags=tuple(self.tags()),
            pull_requests=tuple(self.forge.pull_requests("flights")),
        )
        healthy = revert.target(where, FLIGHTS, revision(model))
        before = {VERSION_PATH: self.forge.read(VERSION_PATH, healthy.commit) or ""} if healthy else {}
        (action,) = revert.plan(analysis("fail", model, commit=commit), where, before)
        assert isinstance(action, Open)
        number = self.forge.open(action.proposal).number
        self.now += timedelta(minutes=30)
        return self.forge.merge(number, "rule", self.now)

    def returned(self) -> tuple[PullRequest, PullRequest]:
        """Live through A, then B, then A again by a revert; return the pull requests of the last two."""
        self.promote(A)
        self.ends("live", A, 1)
        live = self.promote(B)
        self.ends("live", B, 2)
        assert live.merge_commit is not None
        back = self.reverted(B, live.merge_commit)
        self.ends("live", A, 3)
        return live, back


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    return Ring(tmp_path)


def test_before_the_first_promotion_there_is_no_history(ring: Ring) -> None:
    """And nothing to undo."""
    found = ring.history()

    assert (found.state, found.live, found.named, found.reigns) == ("nothing yet", None, None, ())
    assert found.undo == ""
    assert (found.numbers.promotions, found.numbers.lead_time) == (0, None)


def test_the_first_model_is_told_with_everything(ring: Ring) -> None:
    """Because, judged, merged, made from, since."""
    pull = ring.promote(A)
    ring.ends("live", A, 1, "pass", "pass", "inconclusive")

    found = ring.history().live

    assert found is not None
    assert (found.model, found.since, found.until) == (A, START + timedelta(hours=2), None)
    assert (found.because, found.trigger, found.judged) == ("AUC low", "t-aaaa", "PASS: AUC +.010")
    assert (found.merged_by, found.pull_request) == ("reviewer", pull.number)
    assert (found.analyses_passed, found.analyses) == (2, 3)
    assert found.version is not None
    assert found.version.seed == 7
    assert (found.replaces, found.replaced_after) == (None, None)


def test_a_first_model_is_undone_by_undoing_its_merge(ring: Ring) -> None:
    """A revert has nothing to restore, and would say so; a second model, or other settings, have."""
    ring.promote(A)
    ring.ends("live", A, 1)
    alone = ring.history().undo
    ring.promote(B)
    ring.ends("live", B, 2)

    assert alone.startswith(f"git revert -m 1 {ring.tags()[0].commit[:12]} in a clone of the env repo")
    assert ring.history().undo == "headgate propose --revert flights prod"


def test_a_second_model_says_what_it_replaced(ring: Ring) -> None:
    """And how long that was live, in event time."""
    ring.promote(A)
    ring.ends("live", A, 1)
    ring.now += timedelta(days=61)
    ring.promote(B, by="Ada")
    assert ring.history().state == "on its way"
    ring.ends("live", B, 2)

    found = ring.history()

    assert found.state == "live"
    assert [reign.model for reign in found.reigns] == [B, A]
    assert found.live is not None
    assert (found.live.merged_by, found.live.replaces) == ("Ada", A)
    assert found.live.replaced_after == timedelta(days=61, hours=2)
    assert found.reigns[1].until == found.live.since


def test_a_failed_canary_and_its_revert_leave_the_champion(ring: Ring) -> None:
    """It was live all along; the numbers tell of the failure."""
    ring.promote(A)
    ring.ends("live", A, 1)
    failed = ring.promote(B)
    ring.ends("aborted", B, 1, "pass", "fail")
    assert (ring.history().state, ring.history().named) == ("canary failed", B)
    assert failed.merge_commit is not None
    ring.reverted(B, failed.merge_commit)

    found = ring.history()

    assert (found.state, found.named) == ("live", A)
    assert found.live is not None
    assert (found.live.model, found.live.pull_request) == (A, 1)
    numbers = found.numbers
    assert (numbers.promotions, numbers.reverts, numbers.failed_canaries) == (2, 1, 1)
    assert (numbers.lead_time, numbers.time_to_restore) == (timedelta(hours=1), timedelta(hours=1, minutes=30))


def test_a_return_by_revert_is_told_as_such(ring: Ring) -> None:
    """The same text as once before, merged by another pull request."""
    _, back = ring.returned()

    found = ring.history().live

    assert found is not None
    assert (found.model, found.pull_request, found.merged_by) == (A, back.number, "rule")
    assert found.because.startswith("flights → prod: REVERT to aaaaaaaaaaaa")
    assert found.trigger is None


def test_a_tagged_commit_counts_before_any_clock(ring: Ring) -> None:
    """Tags may tell event time while commits tell the wall's: the first reign is still the first pull request's."""
    live, back = ring.returned()
    log = ring.forge.log(VERSION_PATH, ring.head())
    tags = [replace(one, at=one.at - timedelta(days=1000)) for one in ring.tags()]
    texts = {entry.commit: ring.forge.read(VERSION_PATH, entry.commit) or "" for entry in log}

    found = why(FLIGHTS, PROD, log, tags, ring.forge.pull_requests(), texts)

    assert [reign.pull_request for reign in found.reigns] == [back.number, live.number, 1]


def test_a_push_by_hand_names_its_committer(ring: Ring) -> None:
    """There is no pull request to name."""
    pushed = ring.forge.commit([Edit(path=VERSION_PATH, text=version_text(A))], "by hand", ring.head())
    ring.forge.commit([Edit(path="README.md", text="x")], "meanwhile", pushed)
    ring.ends("live", A, 1)

    found = ring.history().live

    assert found is not None
    assert (found.pull_request, found.merged_by) == (None, "headgate")


def test_other_settings_of_the_same_model_are_one_reign(ring: Ring) -> None:
    """Since when is since its first tag."""
    ring.promote(A)
    ring.ends("live", A, 1)
    since = ring.now
    ring.ends("live", A, 2)

    found = ring.history()

    assert [(reign.model, reign.since) for reign in found.reigns] == [(A, since)]


def test_an_old_version_that_cannot_be_read_is_named(ring: Ring) -> None:
    """By its commit."""
    ring.promote(A)
    log = ring.forge.log(VERSION_PATH, ring.head())

    with pytest.raises(PermanentError, match=ring.head()[:12]):
        why(FLIGHTS, PROD, log, [], [], {ring.head(): "seed: x"})


def test_a_tag_whose_file_was_not_given_is_still_told(ring: Ring) -> None:
    """A shallow clone knows less, and says so."""
    (reign,) = why(FLIGHTS, PROD, [], [tag(A, commit=ring.head())], [], {}).reigns

    assert (reign.model, reign.version, reign.because, reign.merged_by) == (A, None, "unknown", None)


def test_status_has_a_row_for_each_service(ring: Ring) -> None:
    """Open pull requests and bans are counted."""
    ring.promote(A)
    ring.ends("live", A, 1)
    since = ring.now
    failed = ring.promote(B)
    ring.ends("aborted", B, 1, "fail")
    assert failed.merge_commit is not None
    ring.reverted(B, failed.merge_commit)
    waiting = Proposal(
        purpose="promote",
        service=FLIGHTS,
        environment=PROD,
        base=ring.head(),
        branch=f"promote/prod/flights/{C[:12]}-1",
        title="x",
        body="",
        edits=(Edit(path=VERSION_PATH, text=version_text(C)),),
    )
    number = ring.forge.open(waiting).number

    rows = status(ring.desired(), ring.tags(), ring.forge.pull_requests())

    assert rows == [
        Row(environment=PROD, service=FLIGHTS, state="live", live=A, since=since, named=A, open=(number,), bans=1)
    ]
