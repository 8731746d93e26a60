"""The router's HTTP: what it takes from a client, gives to a server, and says itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

HOP_BY_HOP = frozenset(
    {
        *("connection", "content-length", "expect", "keep-alive", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    }
)
WHOLE_BYTES = 1 << 20
"""Answers up to this size are read whole: a server that dies in the middle of one is a 502, not a torn answer."""

LINGER_SECONDS = 2.0
"""After a refusal, for the client to read it while it still sends."""

LOG = logging.getLogger(__name__)
LOG.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError)))
"""A client's malformed request is answered with 400; it is no error of the router's."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the router allows before it gives up on a client or a server."""

    head_bytes: int = 16 * 1024
    """A request's line, or any one header; 400 above it."""
    body_bytes: int = 16 * 1024 * 1024
    """A request's body; 413 above it. Bodies are read whole: this times the clients bounds the memory."""
    client_seconds: float = 30.0
    """A request's head, its body, and the reading of a piece of the answer may each take this long."""
    server_seconds: float = 30.0
    """From the request's last byte to the answer's last; 504 above it."""
    connect_seconds: float = 2.0
    """For a server to accept."""
    idle_seconds: float = 75.0
    """A client's kept connection without a request."""
    server_idle_seconds: float = 2.0
    """A kept connection to a server is used again within this time: uvicorn closes idle ones after 5 s."""


def refusal(status: int, why: str, *, retry_after: int | None = None, close: bool = False) -> web.Response:
    """Return the router's own answer: JSON with one key, `error`."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    answer = web.json_response({"error": why}, status=status, headers=headers)
    if close:
        answer.force_close()
    return answer


def end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers that go on to the other side."""
    listed = headers.get("connection", "").lower()
    dropped = HOP_BY_HOP.union(token.strip() for token in listed.split(",")) if listed else HOP_BY_HOP
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def front(answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], limits: Limits) -> web.Server:
    """Return the protocol factory for clients' connections; a client that leaves cancels its request."""
    loop = asyncio.get_running_loop()

    def request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=limits.body_bytes)

    return web.Server(
        answer,
        request_factory=request,
        handler_cancellation=True,
        keepalive_timeout=limits.idle_seconds,
        max_line_size=limits.head_bytes,
        max_field_size=limits.head_bytes,
        lingering_time=min(limits.client_seconds, LINGER_SECONDS),
        auto_decompress=False,
        access_log=None,
        logger=LOG,
    )


def session(limits: Limits) -> aiohttp.ClientSession:
    """Return the pool of connections to servers; it adds no header, follows nothing and keeps no cookie."""
    reuse = aiohttp.TraceConfig()
    reuse.on_connection_reuseconn.append(mark_reused)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=limits.server_idle_seconds),
        timeout=aiohttp.ClientTimeout(total=limits.server_seconds, sock_connect=limits.connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
        auto_decompress=False,
        trace_configs=[reuse],
    )


async def mark_reused(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    """Note on the attempt that it went over a kept connection, which the server may have been closing."""
    context.trace_request_ctx.reused = True


class Attempt:
    """One sending of a request."""

    reused = False


async def read(request: web.BaseRequest, limits: Limits) -> bytes | web.Response:
    """Return the request's body, or the refusal it earns."""
    if not request.raw_path.startswith("/"):
        return refusal(400, "the request's target must be a path", close=True)
    if request.headers.get("expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    try:
        async with asyncio.timeout(limits.client_seconds):
            return await request.read()
    except TimeoutError:
        return refusal(408, f"no whole body within {limits.client_seconds:g} s", close=True)
    except web.HTTPRequestEntityTooLarge:
        return refusal(413, f"the request's body is over {limits.body_bytes} bytes", close=True)
    except web.RequestPayloadError as err:
        return refusal(400, f"the request's body cannot be read: {err}", close=True)


async def stream(request: web.BaseRequest, source: aiohttp.ClientResponse, limits: Limits) -> web.StreamResponse:
    """Pass a long answer on piece by piece, no faster than the client reads."""
    answer = web.StreamResponse(status=source.status, reason=source.reason, headers=end_to_end(source.headers))
    if "content-length" in source.headers:
        answer.content_length = source.content_length
    try:
        await answer.prepare(request)
        async for piece in source.content.iter_any():
            async with asyncio.timeout(limits.client_seconds):
                await answer.write(piece)
        await answer.write_eof()
    except (aiohttp.ClientError, OSError, TimeoutError):
        if request.transport is not None:  # the head is out: a torn answer can only be shown by a torn connection
            request.transport.abort()
        raise
    return answer
