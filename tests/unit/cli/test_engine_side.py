"""What an engine other than ours gives to a verb and takes from it."""

import json
from datetime import UTC, datetime

import pygit2
import pytest

from headgate.adapters.usercode import checked_out
from headgate.cli.answering import answered, cause_note
from headgate.cli.wiring import open_project
from headgate.errors import PermanentError
from headgate.names import Digest
from headgate.records.codec import decode, encode
from headgate.records.dataset import Window
from headgate.records.live import Trigger
from headgate.records.model import Model
from unit.cli.terminal import Terminal

AT = datetime(2013, 5, 1, tzinfo=UTC)
TRIGGER = Trigger(
    service="orders",
    environment="prod",
    cause="drift",
    rule="psi weight",
    key="0123456789ab",
    window=Window(start=AT, end=AT),
    at=AT,
    detail="weight moved",
)


def test_a_field_the_record_lacks_is_a_misuse(proposed: Terminal) -> None:
    """The message says what the record has; nothing is left that an engine could take for an answer."""
    said = proposed("gate", "--out", "verdict.json", "--field", "outcom")

    assert said.code == 2
    assert "the verdict has no field 'outcom'. Did you mean 'outcome'?" in said.err
    assert not (proposed.folder / "verdict.json").exists()


def test_a_field_without_a_place_is_a_misuse(proposed: Terminal) -> None:
    """Beside which file?"""
    said = proposed("gate", "--field", "outcome")

    assert said.code == 2
    assert "--field outcome needs --out FILE" in said.err


def test_a_field_is_written_beside_the_record(proposed: Terminal) -> None:
    """The bare word, without quotes or a newline: Argo compares the whole file."""
    proposed("gate", "--out", "verdict.json", "--field", "outcome", "--field", "look")

    verdict = json.loads((proposed.folder / "verdict.json").read_bytes())
    assert (proposed.folder / "verdict.json.outcome").read_text() == verdict["outcome"]
    assert (proposed.folder / "verdict.json.look").read_text() == str(verdict["look"])


def test_a_field_is_written_where_the_engine_wants_it(proposed: Terminal) -> None:
    """KFP names the file of each output; its folder may not be there yet."""
    proposed("validate", "--field", "outcome=outputs/outcome/data")

    assert (proposed.folder / "outputs/outcome/data").read_text() == "pass"


@pytest.mark.parametrize("verb", ["collect", "propose"])
def test_an_empty_moment_is_none(proposed: Terminal, verb: str) -> None:
    """A template gives every parameter, the ones nobody set as empty texts."""
    assert proposed(verb, "--as-of=").code == 0


def test_an_empty_environment_run_and_trigger_are_none(proposed: Terminal) -> None:
    """As above."""
    said = proposed("propose", "--environment=", "--run=", "--trigger=")

    assert (said.code, "pull request #1 open" in said.out) == (0, True)


@pytest.mark.parametrize("given", ["{", '{"kind": "verdict/1"}', "no-such-file"])
def test_a_trigger_that_is_none_is_refused(given: str) -> None:
    """A run must not look like a person's because its cause was lost."""
    with pytest.raises(PermanentError):
        answered(given)


def test_a_trigger_is_given_as_text() -> None:
    """A workflow's parameter holds the record itself."""
    assert answered(encode(TRIGGER).decode()) == TRIGGER


def test_a_model_is_named_by_its_digest(proposed: Terminal) -> None:
    """A promotion starts from a model of the store: no step made its record."""
    model = decode((proposed.folder / ".headgate/latest/model.json").read_bytes(), Model)
    (proposed.folder / ".headgate/latest/model.json").unlink()

    unknown = proposed("evaluate", "--from", "0" * 64)
    said = proposed("evaluate", "--from", model.sha256)

    assert unknown.code == 1
    assert f"evaluation of {model.sha256[:12]}" in said.out


def test_the_cause_of_a_promotion_is_the_cause_of_its_model(live: Terminal) -> None:
    """What began in one environment is not a person's doing in the next; another model's cause is not this one's."""
    project = open_project(live.folder / "service.yaml", None)
    standing = project.live(None)
    desired = standing.desired
    named = desired.version(standing.environment, project.spec.service)
    assert named is not None
    version = desired.texts["env/prod/orders/version.yaml"].replace("cause: person", "cause: drift")
    order = "environments: [{name: prod}, {name: late, after: prod}]\n"
    texts = {**desired.texts, "promotion.yaml": order, "env/prod/orders/version.yaml": version}
    later = type(standing)(
        environment=type(standing.environment)("late"),
        desired=type(desired)(texts=texts, commit=desired.commit),
        tags=(),
        earlier=standing.tags,
        champion=None,
        anchor=None,
    )

    causes = [
        cause_note(None, project.spec.service, sha256, later).cause for sha256 in (named.model.sha256, Digest("0" * 64))
    ]

    assert causes == ["drift", "person"]


def test_the_commit_of_a_work_tree_is_recorded(proposed: Terminal) -> None:
    """Detached, as an engine checks it out, and on a branch, as a person does."""
    repository = pygit2.init_repository(str(proposed.folder / "code"))
    tree = repository.TreeBuilder().write()
    author = pygit2.Signature("ann", "ann@example.org")
    commit = repository.create_commit("HEAD", author, author, "begin", tree, [])
    on_branch = checked_out(proposed.folder / "code")
    repository.set_head(commit)

    assert proposed("train", "--checkout", "code", "--out", "model.json").code == 0
    assert on_branch == checked_out(proposed.folder / "code") == str(commit)
    assert decode((proposed.folder / "model.json").read_bytes(), Model).commit == str(commit)


@pytest.mark.parametrize("head", [None, "ref: refs/heads/none", "what"])
def test_a_work_tree_without_a_commit_is_refused(terminal: Terminal, head: str | None) -> None:
    """A model whose code nobody finds again must not say it has a commit."""
    if head is not None:
        (terminal.folder / ".git").mkdir()
        (terminal.folder / ".git" / "HEAD").write_text(head)

    with pytest.raises(PermanentError):
        checked_out(terminal.folder)


def test_others_find_a_model_in_the_bucket(live: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker elsewhere refuses a path of this pod; on one machine the path is the address."""
    project = open_project(live.folder / "service.yaml", None)
    uri = project.model_uri(decode((live.folder / ".headgate/latest/model.json").read_bytes(), Model).sha256)

    here = project.address(uri)
    monkeypatch.setenv("HEADGATE_STORE", "s3://bucket/prefix/")

    assert here == str(live.folder / ".headgate/store" / uri)
    assert project.address(uri) == f"s3://bucket/prefix/{uri}"
