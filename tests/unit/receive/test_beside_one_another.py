"""One service's trouble is its own; a model's soak in one environment starts its judging for the next."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from headgate.errors import MovedError, TransientError
from headgate.names import Commit, Name
from headgate.records.change import Edit, Proposal, PullRequest
from headgate.records.cluster import Unreadable
from unit.propose.circumstances import version_text
from unit.receive.station import Station
from unit.receive.world import A, B, World


def beside(world: World, service: str, namespace: str = "prod") -> None:
    """Put another service's Rollout beside flights."""
    flights = world.cluster.kept["flights"]
    world.cluster.kept[service] = replace(flights, service=service, name=service, namespace=namespace)


def test_a_file_nobody_can_read_harms_its_own_service(world: World) -> None:
    """flights goes on; the trouble is named."""
    world.write("env/prod/delays/version.yaml", version_text(A).replace("flights", "delays"))
    world.write("env/prod/delays/serving.yaml", "replicas: [none\n")
    beside(world, "delays")
    commit = world.name(B)

    looked = world.look()

    assert world.status(commit) == ("pending", "canary at 10 %")
    assert {"prod/delays"} == {trouble.where for trouble in looked.troubles}


def test_an_object_nobody_can_read_harms_no_other(world: World) -> None:
    """It is trouble, by its name."""
    world.cluster.unreadable = [Unreadable(namespace="prod", name="odd", reason="status.abortedAt: yesterday")]
    commit = world.name(B)

    looked = world.look()

    assert world.status(commit) == ("pending", "canary at 10 %")
    assert ["prod/odd"] == [trouble.where for trouble in looked.troubles]


def test_a_rollout_outside_its_environments_namespace_is_nobodys(world: World) -> None:
    """Who may write in another namespace cannot speak for prod."""
    beside(world, "delays", namespace="playground")

    looked = world.look()

    assert "not one environment's" in looked.troubles[0].error.message


def test_a_version_yaml_nobody_can_read_promotes_and_tags_nothing(world: World) -> None:
    """main names nothing that could be attributed."""
    world.write("env/prod/flights/version.yaml", "storageUri: [\n")

    looked = world.look()

    assert world.tags() == ["live/prod/flights/1"]
    assert looked.done == () or all("Tag" not in type(one).__name__ for one in looked.done)


def test_a_forge_that_is_down_is_asked_again(world: World) -> None:
    """Nothing is forgotten: the revert comes with the next look."""
    world.name(B)
    world.examine("Failed")
    real = world.forge.tags

    def down(_: str) -> list[object]:
        raise TransientError("the forge cannot be reached")

    world.forge.tags = down  # type: ignore[method-assign, assignment]
    with pytest.raises(TransientError):
        world.look()
    world.forge.tags = real  # type: ignore[method-assign]
    world.look()

    assert len(world.pulls()) == 1


def test_a_replica_that_was_quicker_is_no_trouble(world: World) -> None:
    """It pushed the revert's branch a moment before: there is one, and nothing to page anybody for."""
    world.name(B)
    world.examine("Failed")
    real = world.forge.open

    def late(_: Proposal) -> PullRequest:
        world.forge.open = real  # type: ignore[method-assign]
        world.other.look()
        raise MovedError("its branch moved while it was pushed")

    world.forge.open = late  # type: ignore[method-assign]

    looked = world.look()

    assert ((), 1) == (looked.troubles, len(world.pulls()))


def test_what_stays_raced_is_trouble(world: World) -> None:
    """A branch that cannot be pushed, look after look, must be told."""
    world.name(B)
    world.examine("Failed")

    def never(_: Proposal) -> PullRequest:
        raise MovedError("its branch moved while it was pushed")

    world.forge.open = never  # type: ignore[method-assign]

    looked = world.look()

    assert ["its branch moved while it was pushed"] == [trouble.error.message for trouble in looked.troubles]


def test_a_live_model_is_judged_for_the_next_environment_after_its_soak(station: Station) -> None:
    """Absent just before, one run just after, another replica in between."""
    soaking(station, timedelta(hours=1))
    station.world.now = live_at(station) + timedelta(minutes=59)
    station.receiver.beat()
    before = station.runs
    station.world.now = live_at(station) + timedelta(minutes=61)
    for _ in range(2):
        station.replica()
        station.receiver.beat()

    (order,) = station.world.cluster.orders

    assert before == []
    assert (order.template, order.parameters["model"], order.parameters["environment"]) == (
        "headgate-promote",
        A,
        "later",
    )
    assert len(station.runs) == 1


def live_at(station: Station) -> datetime:
    return station.world.forge.tags("live/")[0].at


def soaking(station: Station, soak: timedelta) -> None:
    """Add an environment after prod."""
    world = station.world
    promotion = world.desired().texts["promotion.yaml"]
    more = f"  - name: later\n    after: prod\n    soak: PT{int(soak.total_seconds())}S\n"
    world.write("promotion.yaml", promotion + more)
    world.write("env/later/environment.yaml", "namespace: later\n")


@pytest.mark.parametrize("why", ["banned", "moved on", "asked", "failed"])
def test_a_model_that_should_not_go_further_does_not(station: Station, why: str) -> None:
    """Banned there, no longer what main names here, asked for before, or its run failed three times."""
    soaking(station, timedelta(0))
    world = station.world
    if why == "banned":
        pair = f"model: {A}, settings: '{'0' * 64}', commit: '{'0' * 40}'"
        ban = f"bans:\n- {{{pair}, reason: x, at: '2026-01-01T00:00:00Z'}}\n"
        world.write("env/later/flights/bans.yaml", ban)
    if why == "moved on":
        world.name(B)
    if why == "asked":
        close_one(world)
    for _ in range(5):
        station.receiver.beat()
        world.later(minutes=2)
        for name, run in world.cluster.ran.items():
            world.cluster.ran[name] = replace(run, phase="Failed")

    assert len(station.runs) == (3 if why == "failed" else 0)


def close_one(world: World) -> None:
    edits = (Edit(path="env/later/flights/version.yaml", text=version_text(A)),)
    pull = world.forge.open(
        Proposal(
            purpose="promote",
            service=Name("flights"),
            environment=Name("later"),
            base=world.forge.head() or Commit(""),
            branch=f"promote/later/flights/{A[:12]}-1",
            title="t",
            body="b",
            edits=edits,
        )
    )
    world.forge.close(pull.number, "ann")


def test_metrics_say_where_a_service_stands(station: Station) -> None:
    """A canary that is held, then aborted and reverted."""
    station.world.name(B)
    station.world.examine("Running")
    station.world.later(minutes=40)
    station.receiver.look()
    held = station.client.get("/metrics").text
    station.world.examine("Failed")
    station.receiver.look()

    after = station.client.get("/metrics").text

    where = 'environment="prod",service="flights"'
    assert f"headgate_canary_held_seconds{{{where}}} 2430.0" in held
    assert f"headgate_canary_weight{{{where}}} 10.0" in held
    assert f"headgate_canaries_failed{{{where}}} 1.0" in after
    assert f"headgate_reverts{{{where}}} 1.0" in after
    assert f"headgate_abort_without_revert{{{where}}} 0.0" in after


def test_it_tells_what_it_did_and_a_trouble_once(station: Station) -> None:
    """The log is what runbooks send people to."""
    beside(station.world, "delays", namespace="playground")
    station.receiver.beat()
    station.receiver.beat()

    troubles = [line for line in station.told if line.startswith("trouble")]

    assert len(troubles) == 1
    assert "playground" in troubles[0]
