"""The router before clients of every kind: what they send arrives as it is, or is refused before a server sees it."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from headgate.local.wire import end_to_end
from unit.local.routing import Ring, run


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


def test_headers_of_one_hop_stay_on_their_hop() -> None:
    """Connection, and what it lists, is between two neighbours."""
    headers = CIMultiDict({"Connection": "close, X-Secret", "X-Secret": "1", "Accept": "*/*", "TE": "trailers"})

    assert dict(end_to_end(headers)) == {"Accept": "*/*"}
