"""A controller that lost sight of a Rollout is told of it; one that is at work is left alone."""

from msgspec.structs import replace

from unit.receive.station import Station
from unit.receive.world import World


def lag(world: World, *, settled: bool = False) -> None:
    world.cluster.kept["flights"] = replace(world.cluster.kept["flights"], settled=settled)


def test_a_rollout_that_lags_too_long_is_touched(world: World) -> None:
    """Not while a reconcile may take so long, once after it."""
    lag(world)
    for _ in range(4):
        world.look()
    before = list(world.cluster.touched)

    world.look()

    assert before == []
    assert world.cluster.touched == ["its controller has not seen its newest state for 20 s"]


def test_a_touch_that_does_not_help_is_repeated_less_and_less(world: World) -> None:
    """Each with words of its own: words that were there are no news."""
    lag(world)

    for _ in range(60):
        world.look()

    assert [words.split()[-2] for words in world.cluster.touched] == ["20", "45", "95", "195"]


def test_a_controller_that_is_at_work_is_left_alone(world: World) -> None:
    """It lags for some seconds, again and again."""
    for look in range(12):
        lag(world, settled=look % 3 == 0)
        world.look()

    assert world.cluster.touched == []


def test_a_touch_is_told_and_counted(station: Station) -> None:
    """In the log and in a metric."""
    lag(station.world)
    station.receiver.look()
    station.world.later(seconds=20)

    station.receiver.look()

    assert "touched prod/flights: its controller has not seen its newest state for 20 s" in station.told
    assert 'headgate_actions_total{action="touch"} 1.0' in station.client.get("/metrics").text
