"""What is told of each prediction that was asked for: a JSON line, a span, or both; never what was in it.

Neither is on by default: both cost more than a small prediction does.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from headgate.names import Digest, short

Write = Callable[[str], Any]
MOST_CHARACTERS = 100
"""Of what a client says about itself."""


class Ended(NamedTuple):
    """What became of it."""

    status: int
    """As the counters know it."""
    grpc: str = ""
    """The same in gRPC's words, where it was asked so."""
    grpc_code: int = 0


class Asking(NamedTuple):
    """A prediction that is asked for."""

    path: str
    headers: Sequence[tuple[bytes, bytes]]
    attributes: Mapping[str, str]
    """What its span says from the beginning."""
    left: Ended = Ended(499)
    """What becomes of it when nobody waits for the answer."""


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
    grpc: str = ""


class Tracer(Protocol):
    """Makes a span of each prediction."""

    def span(self, asking: Asking) -> AbstractContextManager[Callable[[Ended], None]]:
        """Return what is told the end before the span is over."""


class Watch:
    """Tells of one model's predictions."""

    def __init__(self, service: str, model: Digest, tracer: Tracer | None, write: Write | None) -> None:
        self.service, self.model = service, short(model)
        self.tracer = tracer
        self.write = write

    @contextmanager
    def of(self, asking: Asking) -> Iterator[Callable[[Ended], None]]:
        """Give what is told the end, if there is one: who asks may leave first."""
        began, ended = time.perf_counter(), asking.left

        def tell(given: Ended) -> None:
            nonlocal ended
            ended = given

        try:
            with self.tracer.span(asking) if self.tracer else nullcontext(tell) as mark:
                try:
                    yield tell
                finally:
                    mark(ended)
        finally:
            if self.write:
                self.write(self.line(asking, ended, time.perf_counter() - began))

    def line(self, asking: Asking, ended: Ended, seconds: float) -> str:
        """Return one prediction as a line of JSON."""
        given = next((value for name, value in asking.headers if name == b"x-request-id"), b"")
        asked = Asked(
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            event="asked",
            service=self.service,
            model=self.model,
            path=asking.path,
            status=ended.status,
            seconds=round(seconds, 6),
            request=given[:MOST_CHARACTERS].decode("ascii", errors="replace"),
            grpc=ended.grpc,
        )
        return msgspec.json.encode(asked).decode() + "\n"


def watch(service: str, model: Digest, *, traces: str | None, log_requests: bool) -> Watch | None:
    """Return who tells of predictions, None where nobody wants to know."""
    if traces is None and not log_requests:
        return None
    tracer = None
    if traces is not None:
        from headgate.serve.telemetry.traces import Spans  # noqa: PLC0415 - OpenTelemetry is an extra, and off by default

        tracer = Spans(traces, service, model)
    return Watch(service, model, tracer, sys.stderr.write if log_requests else None)
