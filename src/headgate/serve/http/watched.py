"""An app that tells of each prediction it was asked for: a JSON line, a span, or both; never what was in it.

Neither is on by default. Both cost more than a small prediction does, so one that is watched is not answered at once.
"""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from headgate.names import short
from headgate.serve.door.body import Receive, Scope, Send
from headgate.serve.door.limits import Limits
from headgate.serve.http.app import App
from headgate.serve.setup.served import Served

Write = Callable[[str], Any]
MOST_CHARACTERS = 100
"""Of what a client says about itself."""


class Asked(msgspec.Struct, omit_defaults=True):
    """One prediction that was asked for, as a line of the log."""

    at: str
    event: str
    service: str
    model: str
    path: str
    status: int
    seconds: float
    request: str = ""
    """The client's `x-request-id`."""


class Tracer(Protocol):
    """Makes a span of each prediction."""

    def span(self, path: str, headers: Sequence[tuple[bytes, bytes]]) -> AbstractContextManager[Callable[[int], None]]:
        """Return what is told the status before it ends."""


class WatchedApp(App):
    """Answers as App does, and tells of it."""

    def __init__(self, served: Served, limits: Limits, tracer: Tracer | None, write: Write | None) -> None:
        super().__init__(served, limits)
        self.tracer = tracer
        self.write = write

    def at_once(self, *_: Any) -> None:
        """Answer nothing before it can be told of."""
        return

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self.dialects:
            await super().__call__(scope, receive, send)
            return
        began, status = time.perf_counter(), 499  # nobody waited for the answer
        path, headers = scope["path"], scope["headers"]

        async def heard(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        with self.tracer.span(path, headers) if self.tracer else nullcontext(lambda _: None) as tell:
            await super().__call__(scope, receive, heard)
            tell(status)
        if self.write:
            self.write(self.line(path, status, time.perf_counter() - began, headers))

    def line(self, path: str, status: int, seconds: float, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Return one prediction as a line of JSON."""
        given = next((value for name, value in headers if name == b"x-request-id"), b"")
        asked = Asked(
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            event="asked",
            service=self.service,
            model=short(self.served.predictor.loaded.sha256),
            path=path,
            status=status,
            seconds=round(seconds, 6),
            request=given[:MOST_CHARACTERS].decode("ascii", errors="replace"),
        )
        return msgspec.json.encode(asked).decode() + "\n"


def app_of(served: Served, limits: Limits, *, traces: str | None, log_requests: bool) -> App:
    """Return the app, watched where somebody wants to know."""
    if traces is None and not log_requests:
        return App(served, limits)
    tracer = None
    if traces is not None:
        from headgate.serve.telemetry.traces import Spans  # noqa: PLC0415 - OpenTelemetry is an extra, and off by default

        tracer = Spans(traces, served.predictor.loaded.signature.service, served.predictor.loaded.sha256)
    return WatchedApp(served, limits, tracer, sys.stderr.write if log_requests else None)
