"""The router: exact splits, and no request lost when servers come and go."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError, TransientError
from headgate.local.route import Router, Split
from unit.local.routing import Ring, run


def test_a_weight_outside_0_to_100_is_refused() -> None:
    """A percentage is a percentage."""
    with pytest.raises(PermanentError, match="weight 101 is not a percentage"):
        Router().weigh(101)


def test_a_used_port_is_a_transient_error_that_names_it() -> None:
    """Whoever reads it knows which port, and that a retry can help."""

    async def body(here: Ring) -> None:
        with pytest.raises(TransientError, match=f"port {here.port} of 127.0.0.1 is in use"):
            await Router().start(port=here.port)

    run(body)


@given(canary=st.integers(0, 100), start=st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_any_hundred_requests_in_a_row_split_exactly(canary: int, start: int) -> None:
    """Wherever one begins to count, 100 requests hold exactly the weight."""
    split = Split(canary)
    tracks = [split.next() for _ in range(start + 100)]

    measured = tracks[start:].count("canary")

    assert canary == measured


def test_a_thousand_requests_at_ten_percent_give_the_canary_a_hundred() -> None:
    """The split is measured on the servers, under 20 connections at once."""

    async def body(here: Ring) -> None:
        here.router.weigh(10)
        slots = asyncio.Semaphore(20)

        async def one() -> int:
            async with slots:
                return (await here.ask())[0]

        statuses = await asyncio.gather(*(one() for _ in range(1000)))

        assert {200} == set(statuses)
        assert len(here.servers["canary"][0].seen) == 100
        assert tuple(here.router.counts[track].requests for track in ("stable", "canary")) == (900, 100)
        assert here.router.counts["canary"].models == {"canary000000": 100}

    run(body)


def test_a_canary_without_servers_leaves_its_share_to_stable() -> None:
    """Its requests are answered by what is proven."""

    async def body(here: Ring) -> None:
        here.router.weigh(50)

        statuses = {(await here.ask())[0] for _ in range(4)}

        assert {200} == statuses
        assert here.router.counts["stable"].requests == 4

    run(body, canary=False)


def test_stable_without_servers_never_leaves_its_share_to_the_canary() -> None:
    """An unproven model does not get all traffic because the proven one is down."""

    async def body(here: Ring) -> None:
        here.router.weigh(10)
        await here.router.drain("stable")

        statuses = [(await here.ask())[0] for _ in range(10)]

        assert (statuses.count(503), statuses.count(200)) == (9, 1)

    run(body)


def test_draining_waits_for_requests_in_flight_and_sends_no_new_ones() -> None:
    """The last answer comes whole, then the track is free."""

    async def body(here: Ring) -> None:
        here.router.weigh(100)
        slow = asyncio.create_task(here.ask("/slow/0.3", b"kept"))
        await asyncio.sleep(0.1)

        drain = asyncio.create_task(here.router.drain("canary"))
        await asyncio.sleep(0)
        during, _ = await here.ask()
        waited = not drain.done()
        await drain

        assert (waited, during, await slow) == (True, 200, (200, b"kept"))
        assert here.servers["canary"][0].seen == ["/slow/0.3"]

    run(body)


def test_promotion_moves_all_traffic_at_once_and_loses_no_request() -> None:
    """Under load, every answer after the promotion is the new model's and none fails."""

    async def body(here: Ring) -> None:
        here.router.weigh(50)
        load = [asyncio.create_task(here.ask("/slow/0.05")) for _ in range(40)]
        await asyncio.sleep(0.02)

        await here.router.promote()
        after = [(await here.ask())[0] for _ in range(10)]

        assert {200} == {status for status, _ in await asyncio.gather(*load)} | set(after)
        assert here.router.weight == 0
        assert here.servers["canary"][0].seen.count("/v2/x") == 10

    run(body)


def test_closing_lets_requests_in_flight_end() -> None:
    """SIGTERM drops nothing that fits the grace."""

    async def body(here: Ring) -> None:
        slow = asyncio.create_task(here.ask("/slow/0.3", b"whole"))
        await asyncio.sleep(0.1)

        await here.router.close(2.0)

        assert await slow == (200, b"whole")

    run(body)
