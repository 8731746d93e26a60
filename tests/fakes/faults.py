"""A proxy that makes a good server look bad: it refuses, limits, loses answers, and lets others act in between."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from fakes.serving import serving

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
OWN = {"host", "content-length", "connection", "transfer-encoding", "accept-encoding"}
ANSWER_SECONDS, FAKES_SECONDS = 5.0, 2.0
"""What the clients of these tests wait: for a real server, and for a fake, which answers at once."""


@dataclass
class Fault:
    """What befalls the next requests whose `METHOD path` matches."""

    where: str
    status: int | None = None
    """Answer this instead; None lets the request through."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    lost: bool = False
    """The request goes through, the connection ends before its answer."""
    late: bool = False
    """The request goes through, its answer comes when nobody waits any more."""
    before: Callable[[], object] | None = None
    """What somebody else does just before the request arrives."""
    times: int = 1


class Faults:
    """A proxy before one server, with the faults that are to come and what was asked."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.coming: list[Fault] = []
        self.asked: list[str] = []
        self.app = Starlette(routes=[Route("/{rest:path}", self.answer, methods=METHODS)])

    async def answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode()
        line = f"{request.method} {path}?{request.url.query}"
        self.asked.append(line)
        fault = self.due(line)
        if fault and fault.before:
            await asyncio.to_thread(fault.before)
        if fault and fault.status is not None:
            return Response(fault.body, fault.status, fault.headers)
        answer = await self.passed(request, path)
        if fault and fault.late:
            while not await request.is_disconnected():
                await asyncio.sleep(0.02)
        return Cut() if fault and fault.lost else answer

    def due(self, line: str) -> Fault | None:
        for fault in self.coming:
            if fault.times and re.search(fault.where, line):
                fault.times -= 1
                return fault
        return None

    async def passed(self, request: Request, path: str) -> Response:
        headers = {key: value for key, value in request.headers.items() if key not in OWN}
        async with httpx.AsyncClient(timeout=60, verify=False) as client:
            url = f"{self.upstream}{path}?{request.url.query}"
            answer = await client.request(request.method, url, headers=headers, content=await request.body())
        kept = {key: value for key, value in answer.headers.items() if key not in {*OWN, "content-encoding"}}
        return Response(answer.content, answer.status_code, kept)

    def count(self, where: str) -> int:
        """Return how many requests were like this."""
        return sum(bool(re.search(where, line)) for line in self.asked)


class Cut(Response):
    """An answer that ends before it begins."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})


@contextmanager
def faulty(upstream: str) -> Iterator[tuple[Faults, str]]:
    """Put a proxy before a server; give it and its URL."""
    faults = Faults(upstream)
    with serving(faults.app) as url:
        yield faults, url
