"""A revert that main has left behind is asked for anew, by the ring or by a person: exactly one can be merged."""

from datetime import UTC, datetime

import pytest

from headgate.cli.ringing import renew_reverts, undo_canary
from headgate.cli.wiring import Project, open_project
from headgate.errors import PermanentError
from headgate.local.history import History
from headgate.names import Name
from headgate.records.change import Edit
from headgate.records.live import Analysis, Answer
from unit.cli.terminal import Terminal

PROD = Name("prod")
SLOW = Edit(path="env/prod/orders/serving.yaml", text="faults: {delay_ms: 400}\n")
BY_HAND = Edit(path="promotion.yaml", text="environments: [{name: prod, reverts_merge: by_person}]\n")
MEANWHILE = Edit(path="env/prod/orders/serving.yaml", text="faults: {delay_ms: 400}\n# looked at\n")


@pytest.fixture
def stale(live: Terminal) -> Project:
    """Slow settings failed their canary; main changed serving.yaml again before anybody merged the revert."""
    project = open_project(live.folder / "service.yaml", None)
    forge = project.forge
    forge.commit([SLOW, BY_HAND], "Tune\n", forge.head())
    history = History(forge, PROD, project.spec.service)
    target = history.wanted()
    assert target is not None
    now = datetime.now(UTC)
    bad = Answer(question="p99", outcome="fail", bad=9, requests=9, share=1.0, low=0.5, high=1.0, limit=0.01)
    failed = Analysis(
        service=project.spec.service,
        environment=PROD,
        commit=target.commit,
        revision=target.revision,
        weight=10,
        outcome="fail",
        answers=(bad,),
        started_at=now,
        ended_at=now,
        canary_requests=9,
        stable_requests=90,
    )
    history.tag("aborted", target, now, (failed,))
    undo_canary(project, PROD, lambda *_: None, failed, (failed,))
    forge.commit([MEANWHILE], "Look\n", forge.head())
    return project


def states(project: Project) -> list[tuple[int, str]]:
    return [(pull.number, pull.state) for pull in project.forge.pull_requests() if pull.branch.startswith("revert/")]


def test_the_ring_asks_anew_once(stale: Project) -> None:
    """The new one merges, and puts the settings back."""
    with pytest.raises(PermanentError, match="conflicts with main"):
        stale.forge.merge(2, "ann")

    renewed = [renew_reverts(stale, PROD, lambda *_: None) for _ in range(2)]
    merged = stale.forge.merge(3, "ann")

    assert [1, 0] == renewed
    assert [(2, "closed"), (3, "merged")] == states(stale)
    assert "Stale: main changed what this changes" in stale.forge.pull_requests()[1].comments[0]
    serving = stale.forge.read(SLOW.path, merged.merge_commit or merged.head)
    assert "delay_ms: 400" not in (serving or "")


def test_a_person_who_asks_to_go_back_is_given_one_that_merges(stale: Project, live: Terminal) -> None:
    """The same revert with its ban, on main as it is."""
    asked = live("propose", "--revert", "orders", "prod", "--reason", "too slow")
    again = live("propose", "--revert", "orders", "prod", "--reason", "too slow")

    assert "pull request #3 open" in asked.out
    assert "a revert is open as pull request #3" in again.out
    assert 0 == live("pr", "merge", 3).code
    assert [(2, "closed"), (3, "merged")] == states(stale)
    assert 1 == len(stale.live("prod").desired.bans("prod", "orders"))
