"""The router: exact splits, whole answers or clear refusals, and no request lost when servers come and go."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from headgate.errors import PermanentError, TransientError
from headgate.local.route import Router, Split
from headgate.local.wire import Limits, end_to_end
from unit.local.standin import StandIn


@dataclass
class Ring:
    router: Router
    port: int
    client: aiohttp.ClientSession
    servers: dict[str, tuple[StandIn, int]]

    async def ask(self, path: str = "/v2/x", body: bytes = b"{}", **more: object) -> tuple[int, bytes]:
        async with self.client.post(f"http://127.0.0.1:{self.port}{path}", data=body, **more) as answer:
            return answer.status, await answer.read()

    async def raw(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause)
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()


@asynccontextmanager
async def ring(*, canary: bool = True, **limits: float) -> AsyncIterator[Ring]:
    router = Router(Limits(**limits))
    servers = {}
    for track in ("stable", "canary")[: 1 + canary]:
        server = StandIn(model=f"{track:0<12}")
        servers[track] = (server, await server.start())
        router.point(track, [("127.0.0.1", servers[track][1])])
    port = await router.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
            yield Ring(router, port, client, servers)
    finally:
        await router.close(1.0)
        for server, _ in servers.values():
            server.server.close()


def run(body: Callable[[Ring], Awaitable[None]], **options: float) -> None:
    async def main() -> None:
        async with ring(**options) as here:
            await body(here)

    asyncio.run(main())


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


def test_body_query_and_headers_pass_both_ways() -> None:
    """The router is invisible: path, query, body and the model's header arrive as they were sent."""

    async def body(here: Ring) -> None:
        url = URL(f"http://127.0.0.1:{here.port}/a%20b?c=d%2Fe", encoded=True)
        async with here.client.post(url, data=b"\x00\xff", headers={"x-request-id": "7"}) as answer:
            content = await answer.read()

        assert content == b"\x00\xff"
        assert here.servers["stable"][0].seen[-1] == "/a%20b?c=d%2Fe"
        assert answer.headers["headgate-model"] == "stable000000"

    run(body)


def test_a_chunked_request_arrives_whole() -> None:
    """A client that doesn't know its length is served too."""

    async def body(here: Ring) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"abc"

        async with here.client.post(f"http://127.0.0.1:{here.port}/x", data=pieces()) as answer:
            assert await answer.read() == b"abcabcabc"

    run(body)


def test_a_long_answer_is_passed_on_in_pieces() -> None:
    """20 MB arrive whole without being held whole."""

    async def body(here: Ring) -> None:
        status, content = await here.ask("/chunks/320")

        assert (status, len(content)) == (200, 320 * 65536)

    run(body)


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


def test_a_body_over_the_limit_is_a_413() -> None:
    """By its declared length, and by what comes when it declares none."""

    async def body(here: Ring) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x" * 600

        assert (await here.ask(body=b"x" * 1001))[0] == 413
        async with here.client.post(f"http://127.0.0.1:{here.port}/x", data=pieces()) as answer:
            assert answer.status == 413
        assert (await here.ask(body=b"x" * 999))[0] == 200
        assert here.router.counts["stable"].requests == 1

    run(body, body_bytes=1000)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /x HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 3000 + b"\r\n\r\n",
        b"GET http://elsewhere/x HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["no http", "a header too long", "a foreign target", "two lengths", "a broken chunk"],
)
def test_a_malformed_request_is_a_400_and_reaches_no_server(request_bytes: bytes) -> None:
    """It is refused before anything is sent on."""

    async def body(here: Ring) -> None:
        answer = await here.raw(request_bytes)

        assert answer[8:13] == b" 400 "
        assert here.servers["stable"][0].seen == []

    run(body, head_bytes=2000, client_seconds=1.0)


def test_a_client_that_does_not_finish_its_body_hears_408() -> None:
    """A slow body holds no server."""

    async def body(here: Ring) -> None:
        answer = await here.raw(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")

        assert answer[:12] == b"HTTP/1.1 408"
        assert here.servers["stable"][0].seen == []

    run(body, client_seconds=0.2)


def test_a_client_that_does_not_finish_its_head_is_hung_up_on() -> None:
    """A half head costs one connection for a while, not for ever."""

    async def body(here: Ring) -> None:
        assert await here.raw(b"POST /x HTTP/1.1\r\nhost:") == b""

    run(body, client_seconds=0.2)


def test_a_client_that_leaves_cancels_its_request_and_no_failure_is_counted() -> None:
    """The server's connection is freed at once; draining doesn't wait for it."""

    async def body(here: Ring) -> None:
        with pytest.raises(TimeoutError):
            await here.ask("/slow/5", timeout=aiohttp.ClientTimeout(total=0.2))
        await asyncio.wait_for(here.router.drain("stable"), 1)

        assert here.router.counts["stable"].failed == 0

    run(body)


def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    """As curl does with large bodies."""

    async def body(here: Ring) -> None:
        head = b"POST /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"

        answer = await here.raw(head, b"{}", pause=0.05)

        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")

    run(body)


def test_head_gives_the_length_and_no_body() -> None:
    """The connection can be used again afterwards."""

    async def body(here: Ring) -> None:
        async with here.client.head(f"http://127.0.0.1:{here.port}/x") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        assert (await here.ask())[0] == 200

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


def test_headers_of_one_hop_stay_on_their_hop() -> None:
    """Connection, and what it lists, is between two neighbours."""
    headers = CIMultiDict({"Connection": "close, X-Secret", "X-Secret": "1", "Accept": "*/*", "TE": "trailers"})

    assert dict(end_to_end(headers)) == {"Accept": "*/*"}
