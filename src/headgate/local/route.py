"""The router: one address in front of two tracks, their traffic split exactly by weight."""

import asyncio
import errno
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from yarl import URL

from headgate.errors import PermanentError, TransientError
from headgate.local.wire import WHOLE_BYTES, Attempt, Limits, end_to_end, front, read, refusal, session, stream
from headgate.measures import MODEL_HEADER
from headgate.records.live import Track

Address = tuple[str, int]


@dataclass(slots=True)
class TrackCounts:
    """What one track answered since the router began."""

    requests: int = 0
    failed: int = 0
    """Answers with a 5xx code, the router's own 502 and 504 for this track among them."""
    models: dict[str, int] = field(default_factory=dict)
    """Answers by the header `headgate-model`."""


class Split:
    """Smooth weighted round robin of two: any 100 requests in a row hold exactly `canary` of the canary's.

    >>> split = Split(25)
    >>> [split.next() for _ in range(4)]
    ['stable', 'stable', 'canary', 'stable']
    """

    def __init__(self, canary: int = 0) -> None:
        if not 0 <= canary <= 100:
            raise PermanentError(f"weight {canary} is not a percentage", next_step="give 0 to 100")
        self.canary = canary
        self._credit = 0

    def next(self) -> Track:
        self._credit += self.canary
        if self._credit > 50:
            self._credit -= 100
            return "canary"
        return "stable"


class Upstream:
    """One server of a track and its requests in flight."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.in_flight = 0
        self.empty = asyncio.Event()
        self.empty.set()

    def __enter__(self) -> None:
        self.in_flight += 1
        self.empty.clear()

    def __exit__(self, *_: object) -> None:
        self.in_flight -= 1
        if not self.in_flight:
            self.empty.set()


class Router:
    """Forwards HTTP/1.1 to the servers of two tracks; its methods belong to the loop that called `start`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.counts: dict[Track, TrackCounts] = {"stable": TrackCounts(), "canary": TrackCounts()}
        self.unrouted = 0
        """Requests refused with 503 because their track had no server."""
        self._tracks: dict[Track, list[Upstream]] = {"stable": [], "canary": []}
        self._split = Split()
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen and return the port; 0 lets the system choose one."""
        self._front = front(self._answer, self.limits)
        self._session = session(self.limits)
        try:
            self._listener = await asyncio.get_running_loop().create_server(self._connect, host, port, backlog=1024)
        except OSError as err:
            await self._session.close()
            if err.errno != errno.EADDRINUSE:
                raise PermanentError(f"cannot listen on {host}:{port}: {err.strerror}") from err
            next_step = "stop the process that uses it, or choose another port"
            raise TransientError(f"port {port} of {host} is in use", next_step=next_step) from err
        return int(self._listener.sockets[0].getsockname()[1])

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Stop listening, let requests in flight end, then close every connection."""
        self._listener.close()
        self._front.pre_shutdown()
        await self._front.shutdown(grace_seconds)
        await self._session.close()

    def point(self, track: Track, addresses: Sequence[Address]) -> None:
        """Make `addresses` the servers of a track from the next request on."""
        known = {upstream.address: upstream for upstream in self._tracks[track]}
        self._tracks[track] = [known.get(address) or Upstream(address) for address in addresses]

    @property
    def weight(self) -> int:
        """The canary's percentage now."""
        return self._split.canary

    def weigh(self, canary: int) -> None:
        """Send `canary` percent of the following requests to the canary, the rest to stable."""
        self._split = Split(canary)

    async def promote(self) -> None:
        """Make the canary's servers stable with all traffic, at once; return when the old ones are idle."""
        old, self._tracks["stable"] = self._tracks["stable"], self._tracks["canary"]
        self._tracks["canary"] = []
        self.weigh(0)
        await emptied(old)

    async def drain(self, track: Track) -> None:
        """Take a track's servers out of the choice at once; return when their last request has ended."""
        old, self._tracks[track] = self._tracks[track], []
        await emptied(old)

    def choose(self) -> Track:
        """Return the next request's track; a canary without servers leaves its share to stable, never the reverse."""
        track = self._split.next()
        return track if self._tracks[track] else "stable"

    def _connect(self) -> RequestHandler:
        """Accept a connection; one that asks for nothing in time is closed (aiohttp times only kept ones)."""
        client = self._front()
        hang_up = asyncio.get_running_loop().call_later(self.limits.client_seconds, self._hang_up, client)
        self._silent[client] = hang_up
        return client

    def _hang_up(self, client: RequestHandler) -> None:
        if self._silent.pop(client, None):
            client.force_close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Give one request its server's answer, or the router's own."""
        if timer := self._silent.pop(request.protocol, None):
            timer.cancel()
        content = await read(request, self.limits)
        if isinstance(content, web.Response):
            return content
        track = self.choose()
        if not self._tracks[track]:
            self.unrouted += 1
            return refusal(503, f"no server of track '{track}' is up", retry_after=1)
        counts = self.counts[track]
        counts.requests += 1
        try:
            return await self._forward(request, content, track)
        except TimeoutError:
            counts.failed += 1
            return refusal(504, f"no answer within {self.limits.server_seconds:g} s")
        except aiohttp.ClientError as err:
            counts.failed += 1
            return refusal(502, f"the model's server gave no whole answer: {type(err).__name__}")

    async def _forward(self, request: web.BaseRequest, content: bytes, track: Track) -> web.StreamResponse:
        """Ask the track's servers in turn until one accepts the connection."""
        upstreams = self._tracks[track]
        upstreams.append(upstreams.pop(0))
        *others, last = upstreams
        for upstream in others:
            try:
                return await self._ask(request, content, track, upstream)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                continue
        return await self._ask(request, content, track, last)

    async def _ask(
        self, request: web.BaseRequest, content: bytes, track: Track, upstream: Upstream
    ) -> web.StreamResponse:
        """Send to one server; again when the kept connection was one that it had just closed."""
        with upstream:
            while True:
                attempt = Attempt()
                try:
                    return await self._send(request, content, track, upstream.address, attempt)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    if not attempt.reused:
                        raise

    async def _send(
        self, request: web.BaseRequest, content: bytes, track: Track, address: Address, attempt: Attempt
    ) -> web.StreamResponse:
        url = URL(f"http://{address[0]}:{address[1]}{request.raw_path}", encoded=True)
        headers = end_to_end(request.headers)
        async with self._session.request(
            request.method, url, data=content, headers=headers, allow_redirects=False, trace_request_ctx=attempt
        ) as source:
            attempt.reused = False  # it answered: from here on nothing is sent twice
            length = None if request.method == "HEAD" else source.content_length
            if length is None or length > WHOLE_BYTES:
                self._count(track, source)
                return await stream(request, source, self.limits)
            body = await source.read()
            self._count(track, source)
            kept = end_to_end(source.headers)
            return web.Response(body=body, status=source.status, reason=source.reason, headers=kept)

    def _count(self, track: Track, source: aiohttp.ClientResponse) -> None:
        counts = self.counts[track]
        counts.failed += source.status >= 500
        if model := source.headers.get(MODEL_HEADER):
            counts.models[model] = counts.models.get(model, 0) + 1


async def emptied(upstreams: Sequence[Upstream]) -> None:
    """Return when none of them has a request in flight."""
    for upstream in upstreams:
        await upstream.empty.wait()
