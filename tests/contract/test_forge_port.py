"""What every forge promises; each adapter of `ports.Forge` runs all of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fakes.forges import EACH, FORGES, Servers, Where
from headgate.errors import MovedError, PermanentError
from headgate.names import Commit, Name
from headgate.ports import Forge
from headgate.records.change import Edit, Proposal

FIRST = [Edit(path="promotion.yaml", text="environments: []\n"), Edit(path="env/prod/flights/app.yaml", text="{}\n")]
VERSION = "env/prod/flights/version.yaml"
HOSTILE_PATHS = ["../x", "/x", "a//b", ".git/config", "a/.GIT/x", "a\n", "", "a/..", "x" * 300]
HOSTILE_BRANCHES = [
    "main",
    "promote/prod/flights/",
    "promote/prod/other/x",
    "promote/prod/flights/a/b",
    "promote/prod/flights/..",
    "promote/prod/flights/a b",
    "promote/prod/flights/a.lock",
    "promote/prod/flights/a~1",
    "promote/prod/flights/" + "x" * 300,
    "promote/prod/flights/a\nb",
    "../../heads/main",
]
AT = datetime(2013, 9, 2, 6, tzinfo=UTC)


@pytest.fixture(params=EACH)
def where(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[Where]:
    """Give a forge whose env repo holds its first files."""
    with FORGES[request.param](servers, tmp_path, FIRST) as found:
        yield found


@pytest.fixture
def forge(where: Where) -> Forge:
    """Return the forge alone."""
    return where.forge


def head(forge: Forge) -> Commit:
    found = forge.head()
    assert found is not None
    return found


def proposal(forge: Forge, leaf: str = "aaaaaaaaaaaa-1", text: str = "model: a\n", **changes: Any) -> Proposal:
    """Return a promotion of flights in prod from main as it is, with some fields changed."""
    fields: dict[str, Any] = {
        "purpose": "promote",
        "service": Name("flights"),
        "environment": Name("prod"),
        "title": "flights → prod: PASS",
        "body": "## words\n",
    } | changes
    fields.setdefault("base", head(forge))
    fields.setdefault("branch", f"{fields['purpose']}/{fields['environment']}/{fields['service']}/{leaf}")
    fields.setdefault("edits", (Edit(path=VERSION, text=text),))
    return Proposal(**fields)


def test_a_branch_that_is_not_there_has_no_head(forge: Forge) -> None:
    """None is an answer, not an error."""
    assert forge.head("no/such/branch") is None


def test_files_are_read_at_a_commit(forge: Forge) -> None:
    """A file that came later is not there yet."""
    before = head(forge)

    after = forge.commit([Edit(path=VERSION, text="größer\n")], "Add", before)

    assert (forge.read(VERSION, before), forge.read(VERSION, after)) == (None, "größer\n")
    assert forge.paths("env/prod/", after) == ["env/prod/flights/app.yaml", VERSION]
    assert forge.read("env/prod", after) is None


def test_an_edit_without_text_deletes_the_file_and_its_empty_folder(forge: Forge) -> None:
    """Nothing else of the tree changes."""
    after = forge.commit([Edit(path="env/prod/flights/app.yaml", text=None)], "Remove", head(forge))

    assert forge.paths("", after) == ["promotion.yaml"]


def test_reading_at_an_unknown_commit_is_refused(forge: Forge) -> None:
    """The error names the commit."""
    with pytest.raises(PermanentError, match="ffffffff"):
        forge.read("promotion.yaml", Commit("f" * 40))


def test_a_commit_onto_a_branch_that_moved_is_refused(forge: Forge) -> None:
    """Nobody's work is lost: read again, then retry."""
    base = head(forge)
    moved = forge.commit([Edit(path="a", text="1")], "One", base)

    with pytest.raises(MovedError, match="main"):
        forge.commit([Edit(path="b", text="2")], "Two", base)

    assert forge.head() == moved


def test_the_same_commit_twice_is_one_commit(forge: Forge) -> None:
    """A caller that was killed before it heard the answer may ask again."""
    base = head(forge)

    first, second = (forge.commit([Edit(path="a", text="1")], "One", base) for _ in range(2))

    assert first == second == forge.head()


def test_a_path_that_leaves_the_repository_is_refused(forge: Forge) -> None:
    """Main stays where it was."""
    before = head(forge)

    for path in HOSTILE_PATHS:
        with pytest.raises(PermanentError, match="not a path"):
            forge.commit([Edit(path=path, text="x")], "Hostile", before)

    assert forge.head() == before


def test_a_path_cannot_be_file_and_folder(forge: Forge) -> None:
    """The two edits contradict each other."""
    with pytest.raises(PermanentError, match="file and a folder"):
        forge.commit([Edit(path="a", text="x"), Edit(path="a/b", text="y")], "Both", head(forge))


def test_the_log_holds_the_commits_that_changed_a_file(forge: Forge) -> None:
    """Newest first, on main's own line."""
    one = forge.commit([Edit(path=VERSION, text="1")], "One", head(forge))
    other = forge.commit([Edit(path="other", text="1")], "Other", one)
    two = forge.commit([Edit(path=VERSION, text="2")], "Two", other)

    entries = forge.log(VERSION, two)

    assert [(entry.commit, entry.message.strip()) for entry in entries] == [(two, "Two"), (one, "One")]
    assert [entry.commit for entry in forge.log(VERSION, two, limit=1)] == [two]


def test_an_opened_proposal_is_an_open_pull_request(forge: Forge) -> None:
    """Its head holds the edits, main does not."""
    wanted = proposal(forge)

    pull = forge.open(wanted)

    assert (pull.state, pull.title, pull.branch, pull.base) == ("open", wanted.title, wanted.branch, wanted.base)
    assert forge.read(VERSION, pull.head) == "model: a\n"
    assert forge.read(VERSION, head(forge)) is None
    assert forge.pull_requests("flights") == [pull]


def test_opening_twice_adopts(forge: Forge) -> None:
    """A retry after an unknown answer makes no second pull request."""
    wanted = proposal(forge)

    pulls = [forge.open(wanted) for _ in range(3)]

    assert pulls[0] == pulls[1] == pulls[2]
    assert len(forge.pull_requests()) == 1


def test_the_same_branch_with_other_edits_is_refused(forge: Forge) -> None:
    """What a reviewer read is what gets merged."""
    forge.open(proposal(forge))

    with pytest.raises(PermanentError, match="other edits"):
        forge.open(proposal(forge, text="model: b\n"))


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_opening_what_was_decided_returns_the_decision(forge: Forge, state: str) -> None:
    """A closed pull request is not reopened, a merged one not asked for again."""
    wanted = proposal(forge)
    number = forge.open(wanted).number
    forge.merge(number, "reviewer") if state == "merged" else forge.close(number, "reviewer")

    again = forge.open(wanted)

    assert (again.number, again.state) == (number, state)


def test_a_proposal_that_changes_nothing_is_refused(forge: Forge) -> None:
    """There is nothing to review."""
    same = (Edit(path="promotion.yaml", text="environments: []\n"),)

    with pytest.raises(PermanentError, match="changes nothing"):
        forge.open(proposal(forge, edits=same))


def test_a_hostile_branch_is_refused(forge: Forge) -> None:
    """Nothing is left of it."""
    for branch in HOSTILE_BRANCHES:
        with pytest.raises(PermanentError, match="not a branch"):
            forge.open(proposal(forge, branch=branch))

    assert forge.pull_requests() == []


def test_a_hostile_title_is_one_line_of_text(forge: Forge) -> None:
    """Neither control characters nor a commit trailer get through it."""
    pull = forge.open(proposal(forge, title="x\n\nSigned-off-by: root\x00\x1b[31m" + "y" * 500))

    merged = forge.merge(pull.number, "me\nroot <root@x>")

    assert "\n" not in pull.title
    assert len(pull.title) <= 200
    assert merged.merge_commit is not None
    (entry,) = forge.log(VERSION, merged.merge_commit)
    assert entry.message.strip().count("\n") == 0
    assert "\n" not in entry.committer


def test_a_base_that_is_not_on_main_is_refused(forge: Forge) -> None:
    """A proposal rests on what main said."""
    pull = forge.open(proposal(forge))

    with pytest.raises(MovedError, match="not on main"):
        forge.open(proposal(forge, leaf="b-1", base=pull.head))


def test_update_sets_the_words_in_place(forge: Forge) -> None:
    """Number, branch and head stay."""
    pull = forge.open(proposal(forge))

    updated = forge.update(pull.number, "new title", "new body")

    assert (updated.title, updated.body) == ("new title", "new body")
    assert (updated.number, updated.head) == (pull.number, pull.head)


def test_the_same_comment_twice_is_one(forge: Forge) -> None:
    """A retried step does not chatter."""
    number = forge.open(proposal(forge)).number

    for text in ("one", "two", "one"):
        forge.comment(number, text)

    assert forge.pull_requests()[0].comments == ("one", "two")


def test_closing_twice_is_fine_and_leaves_main(forge: Forge) -> None:
    """The second call changes nothing."""
    number = forge.open(proposal(forge)).number

    first, second = forge.close(number, "a"), forge.close(number, "b")

    assert first == second
    assert (first.state, forge.read(VERSION, head(forge))) == ("closed", None)


def test_merging_changes_main_once(where: Where) -> None:
    """Twice is once; who merged, and when by event time, is kept where the forge takes the caller's word."""
    forge = where.forge
    number = forge.open(proposal(forge)).number

    first, second = forge.merge(number, "reviewer", AT), forge.merge(number, "somebody else")

    assert first == second
    assert (first.state, first.merge_commit) == ("merged", head(forge))
    (entry,) = forge.log(VERSION, head(forge))
    assert len(entry.parents) == 2
    assert f"#{number}" in entry.message
    assert "flights → prod: PASS" in entry.message
    if where.people:
        assert (first.merged_by, first.closed_at) == ("reviewer", AT)
        assert (entry.committer, entry.at) == ("reviewer", AT)
    else:
        assert (first.merged_by, first.closed_at is None) == ("headgate", False)


def test_merging_keeps_what_others_changed_meanwhile(forge: Forge) -> None:
    """File per service: promotions of several services never conflict."""
    first = forge.open(proposal(forge))
    path = "env/prod/rides/version.yaml"
    second = forge.open(proposal(forge, service=Name("rides"), edits=(Edit(path=path, text="r\n"),)))

    forge.merge(first.number, "a")
    forge.merge(second.number, "b")

    assert (forge.read(VERSION, head(forge)), forge.read(path, head(forge))) == ("model: a\n", "r\n")


def test_two_promotions_of_one_service_conflict(forge: Forge) -> None:
    """Two version.yaml are never mixed line by line: the second must be evaluated again."""
    first = forge.open(proposal(forge, text="model: a\nseed: 1\n\n\n\nx: 1\n"))
    second = forge.open(proposal(forge, leaf="bbbbbbbbbbbb-1", text="model: b\nseed: 1\n\n\n\nx: 2\n"))
    forge.merge(first.number, "a")

    with pytest.raises(PermanentError, match="champion or its base moved") as caught:
        forge.merge(second.number, "a")

    assert "evaluate again" in (caught.value.next_step or "")
    assert "model: a" in (forge.read(VERSION, head(forge)) or "")
    assert [pull.state for pull in forge.pull_requests()] == ["merged", "open"]


def test_merging_a_closed_or_unknown_pull_request_is_refused(forge: Forge) -> None:
    """The error names the number."""
    number = forge.open(proposal(forge)).number
    forge.close(number, "a")

    with pytest.raises(PermanentError, match=f"#{number} is closed"):
        forge.merge(number, "a")
    with pytest.raises(PermanentError, match="#99"):
        forge.merge(99, "a")


@pytest.mark.parametrize(
    ("state", "context"),
    [
        pytest.param("pending", "headgate/canary", marks=pytest.mark.full),
        ("failure", "headgate/canary/prod/flights"),
    ],
)
def test_a_running_or_failed_canary_bars_promotions_of_its_service(forge: Forge, state: str, context: str) -> None:
    """Another service, a revert, and the same service afterwards are not barred."""
    running = forge.merge(forge.open(proposal(forge)).number, "a").merge_commit
    assert running is not None
    forge.commit([Edit(path="README.md", text="x")], "Meanwhile", head(forge))
    forge.set_status(running, context, state, "10 %")
    edits = (Edit(path="env/prod/rides/version.yaml", text="r\n"),)
    rides = forge.open(proposal(forge, service=Name("rides"), edits=edits))
    blocked = forge.open(proposal(forge, leaf="bbbbbbbbbbbb-1", text="model: b\n"))
    back = forge.open(proposal(forge, leaf="c", purpose="revert", edits=(Edit(path="env/prod/flights/x", text="1"),)))

    with pytest.raises(PermanentError, match="canary of 'flights'"):
        forge.merge(blocked.number, "a")

    assert forge.merge(rides.number, "a").state == "merged"
    assert forge.merge(back.number, "a").state == "merged"
    assert forge.merge(blocked.number, "a").state == "merged"


def test_a_canary_that_ended_well_bars_nothing(forge: Forge) -> None:
    """The last status counts."""
    running = forge.merge(forge.open(proposal(forge)).number, "a").merge_commit
    assert running is not None
    forge.set_status(running, "headgate/canary", "pending", "10 %")
    forge.set_status(running, "headgate/canary", "success", "live")

    merged = forge.merge(forge.open(proposal(forge, leaf="b-1", text="model: b\n")).number, "a")

    assert merged.state == "merged"


def test_statuses_are_kept_by_context(forge: Forge) -> None:
    """The newest of a context wins, others stay."""
    commit = head(forge)
    assert forge.statuses(commit) == {}

    forge.set_status(commit, "a", "pending", "1")
    forge.set_status(commit, "b", "failure", "2")
    forge.set_status(commit, "a", "success", "3")

    assert forge.statuses(commit) == {"a": ("success", "3"), "b": ("failure", "2")}


def test_a_status_has_three_states(forge: Forge) -> None:
    """And a commit that exists."""
    with pytest.raises(PermanentError, match="not a status"):
        forge.set_status(head(forge), "a", "great", "")
    with pytest.raises(PermanentError, match="no commit"):
        forge.set_status(Commit("f" * 40), "a", "success", "")


def test_tags_are_annotated_and_sorted_by_number(forge: Forge) -> None:
    """The tenth comes after the second; the message is kept as it is."""
    for number in (10, 2, 1):
        forge.tag(f"live/prod/flights/{number}", head(forge), f'{{"seq": {number}}}\n# kept\n', AT)
    forge.tag("live/prod/flights-2/1", head(forge), "other")

    found = forge.tags("live/prod/flights/")

    assert [tag.name for tag in found] == [f"live/prod/flights/{number}" for number in (1, 2, 10)]
    assert (found[0].message.strip(), found[0].commit, found[0].at) == ('{"seq": 1}\n# kept', head(forge), AT)
    assert len(forge.tags("live")) == 4


def test_the_same_tag_twice_is_fine_and_another_is_refused(forge: Forge) -> None:
    """A tag never moves."""
    first = head(forge)
    forge.tag("live/prod/flights/1", first, "one")
    forge.tag("live/prod/flights/1", first, "one")
    later = forge.commit([Edit(path="x", text="1")], "Later", first)

    with pytest.raises(PermanentError, match="exists"):
        forge.tag("live/prod/flights/1", later, "one")
    with pytest.raises(PermanentError, match="not a tag name"):
        forge.tag("live/../x", first, "one")

    assert [tag.commit for tag in forge.tags("live")] == [first]


def test_pull_requests_are_listed_oldest_first_by_service(forge: Forge) -> None:
    """A service's name must match whole."""
    for number, service in enumerate(["flights", "rides", "flights"]):
        edits = (Edit(path=f"env/prod/{service}/version.yaml", text=str(number)),)
        forge.open(proposal(forge, leaf=f"{number}-1", service=Name(service), edits=edits))

    assert [pull.number for pull in forge.pull_requests("flights")] == [1, 3]
    assert [pull.number for pull in forge.pull_requests()] == [1, 2, 3]
    assert forge.pull_requests("flight") == []
