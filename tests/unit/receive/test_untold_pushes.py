"""A forge tells of a push once: a commit that nobody told of is found by looking; a late word of it is the same run."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.adapters.files import FileStore
from headgate.errors import TransientError
from headgate.names import Commit
from headgate.receive.evidence import Evidence
from unit.receive.pushing import (
    FOLDER,
    PLAIN,
    commit,
    drifted,
    finished,
    forget_workflows,
    head,
    looks,
    neighbours,
    run_of,
    station_of,
    told,
    told_of,
)
from unit.receive.station import TRAINED, Station
from unit.receive.world import room


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Station]:
    """A service that is a whole repository."""
    with station_of(tmp_path, PLAIN) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Station]:
    """A service in a folder of a repository."""
    with station_of(tmp_path, FOLDER) as made:
        yield made


def test_a_push_that_nobody_told_of_is_run(plain: Station) -> None:
    """Not at the first look, as the forge may just be about to tell; then once, and it is said."""
    before, lost = plain.runs, commit(plain)

    first, then = looks(plain, 1), looks(plain)

    [order] = [one for one in plain.world.cluster.orders if one.name == run_of(lost)]
    assert (before, sorted([*before, order.name])) == (first, then)
    assert (lost, PLAIN.image) == (order.parameters["revision"], order.parameters["image"])
    assert "nobody told of it" in order.parameters["trigger"]
    assert [f"push    flights: nobody told of it; started {order.name}"] == [
        line for line in plain.told if line.startswith("push ")
    ]


def test_told_late_or_looked_at_by_others_it_is_one_run(plain: Station) -> None:
    """Another replica, one that was started anew, and the forge by a person's hand."""
    lost = commit(plain)
    first = looks(plain)

    plain.receiving()
    again, late = looks(plain), told(plain, lost)

    assert (first, run_of(lost)) == (again, late)
    assert first == looks(plain)


def test_two_replicas_that_look_at_once_start_one_run(plain: Station) -> None:
    """Both know of the commit since a look ago, and the second one read the Workflows before the first one's was."""
    lost, one = commit(plain), plain.receiver
    plain.receiving()
    plain.world.later(minutes=1)
    for receiver in (one, plain.receiver):
        receiver.beat()
    plain.world.later(minutes=1)
    seen = plain.world.cluster.workflows()

    one.beat()
    plain.world.cluster.workflows = lambda: seen  # type: ignore[method-assign]
    plain.receiver.beat()

    assert 1 == plain.runs.count(run_of(lost))
    assert 1 == sum(line.startswith("push ") for line in plain.told)


def test_what_was_told_of_is_not_run_again(plain: Station) -> None:
    """Also not when its Workflow was taken away after a month, nor when the branch is set back to it."""
    first = head(plain)
    second = commit(plain)
    told(plain, second)
    looks(plain, 1)
    forget_workflows(plain)
    later = looks(plain)

    plain.code.head = lambda _="main": first  # type: ignore[method-assign, misc]

    assert [] == later
    assert [] == looks(plain)


def test_a_push_after_a_quiet_month_is_run_too(plain: Station) -> None:
    """That pushes are told here is remembered in the store."""
    forget_workflows(plain)
    lost = commit(plain)

    assert [run_of(lost)] == looks(plain)


def test_a_service_that_nobody_ever_pushed_is_left_alone(tmp_path: Path) -> None:
    """Its owner trains by drift or by hand, and commits what they like; a neighbour is pushed."""
    with room(tmp_path) as place:
        station = Station(place, trained=PLAIN, doors=False)
        looks(station, 1)
        drifted(station, rule="push")
        neighbours(station, told_of(station, "d" * 40))
        known = looks(station)

        commit(station)

        assert known == looks(station)
        assert 2 == len(known)


def test_a_commit_with_an_image_of_its_own_is_left_to_ci(tmp_path: Path) -> None:
    """CI tells when it has built the image; until then, a run could only fail."""
    with station_of(tmp_path, TRAINED) as station:
        before = looks(station)

        commit(station)

        assert before == looks(station)
        assert 1 == len(before)


def test_the_commit_that_ci_tells_of_is_the_one_with_an_image(tmp_path: Path) -> None:
    """It changed another folder last, and CI built it all the same."""
    with station_of(tmp_path, replace(TRAINED, folder="flights")) as station:
        beside = commit(station, "delays/features.py")

        assert run_of(beside) == told(station, beside)
        assert f"registry/flights:{beside}" == station.world.cluster.orders[-1].parameters["image"]


def test_a_branch_that_did_not_move_asks_nothing_of_the_cluster(plain: Station) -> None:
    """So it may be looked at often: the API server is down, and it is no trouble."""
    plain.world.cluster.down = True
    plain.receiver.look_for_pushes()

    assert "pushes of flights" not in "".join(plain.told)


def test_code_that_drift_had_trained_is_not_run_again(plain: Station) -> None:
    """A run had it, whatever its cause."""
    finished(plain)
    plain.world.later(days=2)
    lost = commit(plain)
    drifted(plain)

    runs = looks(plain)

    assert lost in [order.parameters["revision"] for order in plain.world.cluster.orders]
    assert run_of(lost) not in runs
    assert 2 == len(runs)


def test_a_push_that_could_not_be_kept_is_run_later(plain: Station) -> None:
    """The API server was down when the forge told, which does so once; its 503 is not a run, and neither is it lost."""
    lost = commit(plain)
    plain.world.cluster.down = True
    with pytest.raises(TransientError):
        told(plain, lost)
    plain.world.cluster.down = False

    assert run_of(lost) in looks(plain)


def test_a_branch_that_cannot_be_read_is_trouble_until_it_can(plain: Station) -> None:
    """The forge is away, or the branch: nothing runs, and nothing is forgotten."""
    lost, real, before = commit(plain), plain.code.head, plain.runs

    def away(_: str = "main") -> Commit | None:
        raise TransientError("the forge cannot be reached")

    plain.code.head = away  # type: ignore[method-assign]
    unreadable = looks(plain)
    plain.code.head = lambda _="main": None  # type: ignore[method-assign, misc]
    gone, metrics = looks(plain), plain.receiver.meters.text().decode()
    plain.code.head = real  # type: ignore[method-assign]

    assert (before, before) == (unreadable, gone)
    assert 'headgate_trouble{where="pushes of flights"} 1.0' in metrics
    assert run_of(lost) in looks(plain)
    plain.receiver.beat()
    assert "pushes of flights" not in plain.receiver.meters.text().decode()


def test_it_looks_though_weighing_is_rare(plain: Station) -> None:
    """Where alerts alone should start runs, a lost push is still found."""
    plain.settings = replace(plain.settings, weigh=timedelta(hours=1))
    plain.receiving()
    lost = commit(plain)

    assert run_of(lost) in looks(plain)


def test_only_the_services_folder_counts(folder: Station) -> None:
    """Another folder's commit is no cause; neither is it told of late, by a forge that does not say what it changed."""
    before = looks(folder)

    beside = commit(folder, "delays/features.py")
    quiet, late = looks(folder), told(folder, beside)

    assert before == quiet == looks(folder)
    assert [late] == before


def test_a_lost_push_of_several_commits_is_one_run_with_each_late_word(folder: Station) -> None:
    """Its code is the last commit that changed the folder, whichever of the later ones is told of."""
    changed = commit(folder, "flights/features.py")
    beside = commit(folder, "delays/features.py")

    runs, late = looks(folder), [told(folder, one) for one in (changed, beside)]

    assert [run_of(changed)] * 2 == late
    assert runs == folder.runs
    assert run_of(changed) in runs


def test_a_run_of_a_later_commit_had_the_same_folder(folder: Station) -> None:
    """Its trigger bears the branch's head, as those of before did; one whose commit is gone says nothing."""
    beside = commit(folder, "delays/features.py")
    evidence = Evidence(FileStore(folder.folder / "store"))
    [first] = evidence.triggers(("prod", "flights"))
    (folder.folder / "store").rename(folder.folder / "before")
    for code in ("0" * 40, beside):
        evidence.decide(replace(first, key=code[:12], code=code))
    folder.world.cluster.ran.clear()
    folder.receiving()

    assert [] == looks(folder)
    assert [] == [line for line in folder.told if line.startswith("trouble")]
