"""The router in front of servers that are gone, slow, or die in mid request: whole answers or clear refusals."""

import json

import pytest

from unit.local.routing import Ring, run


def test_no_server_is_a_503_in_json_that_says_when_to_come_back() -> None:
    """Retry-After and the reason, and the request is counted on no track."""

    async def body(here: Ring) -> None:
        await here.router.drain("stable")

        async with here.client.post(f"http://127.0.0.1:{here.port}/x") as answer:
            document = json.loads(await answer.read())

        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert document == {"error": "no server of track 'stable' is up"}
        assert (here.router.unrouted, here.router.counts["stable"].requests) == (1, 0)

    run(body)


@pytest.mark.parametrize("path", ["/die", "/half"])
def test_a_server_that_dies_in_mid_request_is_a_counted_502_and_the_next_request_is_served(path: str) -> None:
    """Before its answer or in the middle of it: the client hears 502, the router lives."""

    async def body(here: Ring) -> None:
        status, content = await here.ask(path)
        following, _ = await here.ask()

        assert (status, following) == (502, 200)
        assert b"no whole answer" in content
        assert here.router.counts["stable"].failed == 1

    run(body)


def test_a_server_that_is_gone_is_a_502_and_another_of_the_track_takes_over() -> None:
    """A refused connection costs nothing when the track has a second server."""

    async def body(here: Ring) -> None:
        live = here.servers["stable"][1]
        here.router.point("stable", [("127.0.0.1", 1)])
        alone, _ = await here.ask()
        here.router.point("stable", [("127.0.0.1", 1), ("127.0.0.1", live)])
        statuses = {(await here.ask())[0] for _ in range(4)}

        assert (502, {200}) == (alone, statuses)

    run(body)


@pytest.mark.parametrize("path", ["/once", "/stale"])
def test_a_kept_connection_that_the_server_closed_is_not_a_failed_request(path: str) -> None:
    """The server hangs up after each answer, or as the next request arrives; no client notices."""

    async def body(here: Ring) -> None:
        statuses = [(await here.ask(path))[0] for _ in range(20)]

        assert statuses == [200] * 20
        assert here.router.counts["stable"].failed == 0

    run(body)


def test_an_answer_with_5xx_passes_and_is_counted_as_failed() -> None:
    """The client sees the server's own answer."""

    async def body(here: Ring) -> None:
        assert await here.ask("/status/500", b"why") == (500, b"why")
        assert here.router.counts["stable"].failed == 1

    run(body)


def test_a_server_that_takes_too_long_is_a_504() -> None:
    """The limit is the router's, whatever the server does."""

    async def body(here: Ring) -> None:
        status, _ = await here.ask("/slow/5")

        assert status == 504
        assert here.router.counts["stable"].failed == 1

    run(body, server_seconds=0.2)
