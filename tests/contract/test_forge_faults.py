"""What hosted forges keep promising when answers are lost, rates are limited, and others act in between."""

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from fakes.faults import ANSWER_SECONDS, FAKES_SECONDS, Fault, Faults, faulty
from fakes.forges import FORGES, ON_GITEA, Servers, Where, hosted
from headgate.adapters.forges import hosted as hosted_module
from headgate.adapters.forges import mirror as mirror_module
from headgate.adapters.forges import once as once_module
from headgate.adapters.forges.hosted import Hosted
from headgate.errors import HeadgateError, MovedError, PermanentError, TransientError
from headgate.names import Commit, Name
from headgate.records.change import Edit, Proposal

FIRST = [Edit(path="promotion.yaml", text="environments: []\n")]
VERSION = "env/prod/flights/version.yaml"
EVERY = [ON_GITEA, "github", "gitlab"]
USUAL = ["github", *(pytest.param(name, marks=pytest.mark.full) for name in ("gitea", "gitlab"))]
"""What another dialect hardly changes is asked of one in `make test`."""
COUNTER = itertools.count()

OPEN = r"^POST .*/(pulls|merge_requests)\?"
COMMENT = r"^POST .*/(comments|notes)\?"
MERGE = r"^(POST|PUT) .*/merge\?"
CHANGE = r"^(PATCH|PUT) .*/(pulls|merge_requests)/1\?"
STATUS = r"^POST .*/statuses/"
READ = r"^GET .*/api/"
PUSH = r"^POST .*/git-receive-pack"


OPENING = {
    "too late": Fault(OPEN, late=True),
    "lost": Fault(OPEN, lost=True),
    "before the server": Fault(OPEN, status=502, body=b"<html>bad gateway</html>"),
    "rate limited": Fault(OPEN, status=429, headers={"Retry-After": "1"}),
    "reads fail": Fault(READ, status=503, headers={"Retry-After": "0"}, times=2),
    "push lost": Fault(PUSH, lost=True),
    "push fails": Fault(PUSH, status=503),
}
"""What goes wrong while a pull request is opened."""


def on_gitea(said: str) -> list[pytest.MarkDecorator]:
    """Ask a real server in `make test` only where what it did matters: the answer is lost, not the deed."""
    group = pytest.mark.xdist_group("gitea")
    return [group] if said in {"too late", "push lost"} else [group, pytest.mark.full]


class Scene(NamedTuple):
    """A forge behind a proxy, and the same forge as somebody else sees it."""

    forge: Hosted
    faults: Faults
    where: Where
    """Without the proxy."""
    again: Callable[[], Hosted]
    """Opens the forge as another process does."""


@pytest.fixture(params=USUAL)
def scene(
    request: pytest.FixtureRequest, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """Give a hosted forge behind a proxy; its client waits seconds for answers, and no fake is slow to do things."""
    monkeypatch.setattr(mirror_module, "ANSWER_MILLISECONDS", int(ANSWER_SECONDS * 1000))
    answer_seconds = ANSWER_SECONDS if request.param == "gitea" else FAKES_SECONDS
    if request.param != "gitea":
        monkeypatch.setattr(hosted_module, "MAKERS_SECONDS", 0.3)
        monkeypatch.setattr(once_module, "PAUSES_SECONDS", (0.0, 0.1, 0.2, 0.4, 0.8))
    with FORGES[request.param](servers, tmp_path / "direct", FIRST) as where:
        vendor, _, rest = where.url.partition("+")
        parts = urlsplit(rest)
        with faulty(f"{parts.scheme}://{parts.netloc}") as (faults, url):

            def opened() -> Hosted:
                found = hosted(
                    f"{vendor}+{url}{parts.path}",
                    where.secret,
                    tmp_path / f"own-{next(COUNTER)}",
                    answer_seconds=answer_seconds,
                ).forge
                assert isinstance(found, Hosted)
                return found

            yield Scene(opened(), faults, where, opened)


def head(forge: Hosted) -> Commit:
    found = forge.head()
    assert found is not None
    return found


def proposal(forge: Hosted, service: str = "flights", text: str = "model: a\n", **changes: Any) -> Proposal:
    fields: dict[str, Any] = {
        "purpose": "promote",
        "service": Name(service),
        "environment": Name("prod"),
        "title": f"{service} → prod: PASS",
        "body": "words\n",
        "branch": f"promote/prod/{service}/aaaaaaaaaaaa-1",
        "edits": (Edit(path=f"env/prod/{service}/version.yaml", text=text),),
        "base": head(forge),
    }
    return Proposal(**fields | changes)


@pytest.mark.parametrize(
    ("scene", "fault"),
    [
        pytest.param(name, fault, id=f"{said}-{name}", marks=on_gitea(said) if name == "gitea" else ())
        for said, fault in OPENING.items()
        for name in ("gitea", "github", "gitlab")
    ],
    indirect=["scene"],
)
def test_a_pull_request_is_opened_once(scene: Scene, fault: Fault) -> None:
    """Whether the answer was lost after the forge accepted, or the request before."""
    wanted = proposal(scene.forge)
    scene.faults.coming = [Fault(**vars(fault))]

    pull = scene.forge.open(wanted)

    assert scene.faults.coming[0].times == 0
    assert [(one.number, one.state, one.head) for one in scene.again().pull_requests()] == [(1, "open", pull.head)]


def test_a_comment_whose_answer_was_lost_is_made_once(scene: Scene) -> None:
    """The second look finds it."""
    number = scene.forge.open(proposal(scene.forge)).number
    scene.faults.coming = [Fault(COMMENT, lost=True)]

    scene.forge.comment(number, "superseded by #2")

    assert scene.again().pull_requests()[0].comments == ("superseded by #2",)


def test_a_merge_whose_answer_was_lost_is_made_once(scene: Scene) -> None:
    """It is not tried again, and its commit is known."""
    number = scene.forge.open(proposal(scene.forge)).number
    before = head(scene.forge)
    scene.faults.coming = [Fault(MERGE, lost=True)]

    merged = scene.forge.merge(number, "reviewer")

    assert (merged.state, merged.merge_commit) == ("merged", head(scene.again()))
    assert scene.forge.log(VERSION, head(scene.forge))[0].parents[0] == before


@pytest.mark.parametrize("fault", [Fault(CHANGE, lost=True), Fault(CHANGE, status=500)], ids=["lost", "failed"])
def test_words_and_state_are_changed_in_spite_of_a_lost_answer(scene: Scene, fault: Fault) -> None:
    """Twice the same is once."""
    number = scene.forge.open(proposal(scene.forge)).number

    scene.faults.coming = [Fault(**vars(fault))]
    updated = scene.forge.update(number, "title", "body")
    scene.faults.coming = [Fault(**vars(fault))]
    closed = scene.forge.close(number, "reviewer")

    assert (updated.title, updated.body, closed.state) == ("title", "body", "closed")


@pytest.mark.parametrize("scene", EVERY, indirect=True)
def test_a_status_moves_on_although_answers_are_lost(scene: Scene) -> None:
    """A canary's steps are all pending, each with its own words: GitLab refuses what is pending already."""
    commit = head(scene.forge)
    seen = []

    for state, detail in [("pending", "10 %"), ("pending", "25 %"), ("pending", "50 %"), ("success", "live")]:
        scene.faults.coming = [Fault(STATUS, lost=detail == "25 %")]
        scene.forge.set_status(commit, "headgate/canary", state, detail)
        seen.append(scene.again().statuses(commit)["headgate/canary"])

    assert seen == [("pending", "10 %"), ("pending", "25 %"), ("pending", "50 %"), ("success", "live")]


def test_a_push_whose_answer_was_lost_is_one_commit(scene: Scene) -> None:
    """The second try finds the branch where the first one put it."""
    base = head(scene.forge)
    scene.faults.coming = [Fault(PUSH, lost=True)]

    commit = scene.forge.commit([Edit(path="a", text="1")], "One", base)

    assert (head(scene.again()), scene.forge.log("a", commit)[0].parents) == (commit, (base,))


def test_a_forge_that_asks_for_a_long_pause_is_left_to_the_engine(scene: Scene) -> None:
    """Exit 75 at once, with how long to wait."""
    scene.faults.coming = [Fault(READ, status=429, headers={"Retry-After": "3600"})]
    began = time.monotonic()

    with pytest.raises(TransientError, match="limits the rate") as caught:
        scene.forge.pull_requests()

    assert time.monotonic() - began < 5
    assert "3600 s" in (caught.value.next_step or "")


def test_githubs_other_way_to_limit_is_understood(scene: Scene) -> None:
    """403 with nothing remaining is no matter of rights."""
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 1)}
    scene.faults.coming = [Fault(READ, status=403, headers=headers)]

    assert scene.forge.pull_requests() == []


def test_a_forge_that_stays_broken_is_given_up_with_a_short_message(scene: Scene) -> None:
    """Bounded tries; a megabyte of foreign HTML does not reach the terminal."""
    pauses: list[float] = []
    scene.forge.rest.sleep = pauses.append
    scene.faults.coming = [Fault(READ, status=500, body=b"<p>\x1b[2J" * 200_000, times=99)]

    with pytest.raises(TransientError, match="500") as caught:
        scene.forge.pull_requests()

    assert (scene.faults.count(READ), pauses) == (5, [0.5, 1.0, 2.0, 4.0])
    assert len(str(caught.value)) < 600
    assert "\x1b" not in "".join(caught.value.lines())


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b"[1]", b'{"number": "x"}', b""])
def test_an_answer_that_is_no_forges_is_not_taken_for_one(scene: Scene, body: bytes) -> None:
    """A proxy's login page, or another API."""
    scene.faults.coming = [Fault(READ, status=200, body=body, times=99)]

    with pytest.raises(TransientError, match="cannot read"):
        scene.forge.pull_requests()


def test_a_moved_repository_is_said_to_have_moved(scene: Scene) -> None:
    """The token does not follow a redirect."""
    scene.faults.coming = [Fault(READ, status=301, headers={"Location": "https://elsewhere.test/x"}, times=99)]

    with pytest.raises(PermanentError, match="redirects") as caught:
        scene.forge.pull_requests()

    assert "elsewhere.test" in (caught.value.next_step or "")


def test_a_token_that_is_refused_is_named_by_its_file_only(scene: Scene, tmp_path: Path) -> None:
    """By Git as by REST; the token is in no error."""
    secret = "wrong-and-never-shown"
    forge = hosted(scene.where.url, secret, tmp_path / "wrong").forge

    errors: list[HeadgateError] = []
    for act in (forge.head, forge.pull_requests):
        with pytest.raises(PermanentError) as caught:
            act()
        errors.append(caught.value)

    said = [" ".join([*one.lines(), repr(one.__cause__)]) for one in errors]
    assert all("HEADGATE_FORGE_TOKEN_FILE" in one and secret not in one for one in said)


def test_a_token_that_was_exchanged_is_read_anew(scene: Scene, tmp_path: Path) -> None:
    """A mounted Secret changes under a running receiver."""
    forge = hosted(scene.where.url, "outdated", tmp_path / "rotated").forge
    with pytest.raises(PermanentError):
        forge.pull_requests()

    (tmp_path / "rotated" / "token").write_text(scene.where.secret)

    assert (forge.pull_requests(), forge.head()) == ([], scene.forge.head())


@pytest.mark.parametrize("scene", EVERY, indirect=True)
def test_a_merge_is_pinned_to_the_head_that_was_looked_at(scene: Scene) -> None:
    """What somebody pushes in the last moment is not merged unseen."""
    pull = scene.forge.open(proposal(scene.forge))
    other = scene.again()
    edits = [Edit(path=VERSION, text="model: unseen\n")]
    late = Fault(MERGE, before=lambda: other.commit(edits, "Late", pull.head, pull.branch))
    scene.faults.coming = [late]

    with pytest.raises(MovedError, match="new commits"):
        scene.forge.merge(pull.number, "reviewer")

    assert scene.forge.read(VERSION, head(scene.forge)) is None


def test_a_branch_that_is_gone_leaves_the_record_whole(scene: Scene) -> None:
    """Forges delete branches after the merge; what was merged must stay readable."""
    pull = scene.forge.open(proposal(scene.forge))
    scene.forge.comment(pull.number, "good")
    merged = scene.forge.merge(pull.number, "reviewer")
    with scene.forge.mirror.reading() as repo:
        remote = repo.remotes.create_anonymous(scene.forge.mirror.url)
        guard = mirror_module.Guard(scene.forge.mirror.url, scene.forge.mirror.login)
        guard.expected = repo.get(pull.head).id
        remote.push([f":refs/heads/{pull.branch}"], callbacks=guard)

    other = scene.again()

    assert other.head(pull.branch) is None
    assert other.pull_requests("flights") == [merged]
    assert (merged.comments, merged.base, merged.head) == (("good",), pull.base, pull.head)
    assert other.read(VERSION, merged.head) == "model: a\n"
    assert other.open(proposal(scene.forge, base=pull.base)) == merged


def test_lists_longer_than_a_page_are_read_to_the_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pull requests and comments alike."""
    for number in range(4):
        pull = scene.forge.open(proposal(scene.forge, f"service-{number}"))
        scene.forge.comment(pull.number, f"comment {number}")
    name = next(iter(scene.forge.dialect.per_page))
    monkeypatch.setattr(type(scene.forge.dialect), "per_page", {name: "2"})

    found = scene.again().pull_requests()

    assert [(pull.number, pull.comments) for pull in found] == [(n + 1, (f"comment {n}",)) for n in range(4)]


@pytest.mark.parametrize("scene", ["github", "gitlab"], indirect=True)
def test_a_forks_branch_named_as_ours_is_not_adopted(scene: Scene) -> None:
    """Anybody may open a pull request from a fork, with any branch name."""
    wanted = proposal(scene.forge)
    hosting = scene.where.hosting
    assert hosting is not None
    hosting.repo.references.create("refs/heads/evil", wanted.base)
    strange = hosting.open("evil", "mine", "")
    strange.branch, strange.fork = wanted.branch, True

    pull = scene.forge.open(wanted)

    assert (pull.number, scene.forge.read(VERSION, pull.head)) == (2, "model: a\n")
    assert [one.number for one in scene.forge.pull_requests()] == [2]


@pytest.mark.parametrize("scene", [ON_GITEA, "github"], indirect=True)
def test_where_merge_commits_are_forbidden_it_is_squashed(scene: Scene, servers: Servers) -> None:
    """And the squashed branch is still known as merged, although no commit of it is on main."""
    if scene.where.hosting is not None:
        scene.where.hosting.styles = {"squash"}
    else:
        path = scene.where.url.split("/", 3)[3]
        servers.gitea.client.patch(f"/repos/{path}", json={"allow_merge_commits": False}).raise_for_status()
    wanted = proposal(scene.forge)
    pull = scene.forge.open(wanted)

    merged = scene.forge.merge(pull.number, "reviewer")

    (entry,) = scene.forge.log(VERSION, head(scene.forge))
    assert (merged.state, len(entry.parents), merged.base) == ("merged", 1, pull.base)
    assert scene.again().open(wanted).number == pull.number


def test_what_did_not_change_is_not_asked_again(scene: Scene) -> None:
    """A watch every ten seconds costs one list."""
    for number in range(2):
        pull = scene.forge.open(proposal(scene.forge, f"service-{number}"))
        scene.forge.comment(pull.number, "words")
        scene.forge.merge(pull.number, "reviewer")
    first = scene.forge.pull_requests()
    scene.faults.asked.clear()

    second = scene.forge.pull_requests()

    assert second == first
    assert len(scene.faults.asked) == 1


@pytest.mark.parametrize("scene", EVERY, indirect=True)
def test_words_that_look_like_commands_are_words(scene: Scene) -> None:
    """GitLab would close, or merge, at such a line."""
    number = scene.forge.open(proposal(scene.forge)).number

    scene.forge.comment(number, "/close\n/merge\nwhy: \\/x")
    updated = scene.forge.update(number, "title", "/approve\nbody\n\\/y")

    (pull,) = scene.again().pull_requests()
    assert (pull.state, pull.comments) == ("open", ("/close\n/merge\nwhy: \\/x",))
    assert pull.body == updated.body == "/approve\nbody\n\\/y"


def test_locks_that_a_killed_process_left_in_the_mirror_are_removed(scene: Scene) -> None:
    """A receiver that is killed in mid-fetch and comes back must see main again."""
    scene.forge.head()
    (scene.forge.mirror.path / "refs" / "heads" / "main.lock").touch()
    commit = scene.again().commit([Edit(path="a", text="1")], "One", head(scene.forge))
    time.sleep(mirror_module.FRESH_SECONDS)

    assert scene.forge.head() == commit
