"""How often one client may ask: a bucket of tokens each, in a table that never grows beyond its bound."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from headgate.serve.refusal import RefusalError

Head = Mapping[str, Any]

MOST_CLIENTS = 10_000
"""Who asked longest ago is forgotten first, and begins anew with a full bucket."""
KEY_BYTES = 200
"""As much of a header as tells clients apart."""


class Rate:
    """Lets each client ask `per_second` times a second on average, and one second's worth at once."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.room = max(1.0, per_second)
        self.clock = clock
        self.buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()
        """Client → tokens left, and when that was so."""

    def take(self, client: bytes) -> None:
        """Count one request of a client; RefusalError 429 says when the next may come.

        >>> rate = Rate(2, clock=lambda: 0.0)
        >>> rate.take(b"a"), rate.take(b"a"), rate.take(b"b")
        (None, None, None)
        """
        now, key = self.clock(), client[:KEY_BYTES]
        tokens, then = self.buckets.pop(key, (self.room, now))
        tokens = min(self.room, tokens + (now - then) * self.per_second)
        self.buckets[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self.buckets) > MOST_CLIENTS:
            self.buckets.popitem(last=False)
        if tokens < 1:
            seconds = max(1, math.ceil((1 - tokens) / self.per_second))
            raise RefusalError(
                f"this client may ask {self.per_second:g} times a second; try again in {seconds} s",
                status=429,
                reason="rate",
                retry_seconds=seconds,
            )


def client_of(scope: Head, header: str) -> bytes:
    """Return what tells a request's client from others: a header of its, else its address.

    >>> client_of({"headers": [(b"x-team", b"fraud")], "client": ("10.0.0.1", 5000)}, "X-Team")
    b'fraud'
    >>> client_of({"headers": [], "client": ("10.0.0.1", 5000)}, "X-Team")
    b'10.0.0.1'
    """
    wanted = header.lower().encode()
    named = next((value for name, value in scope["headers"] if name == wanted), b"") if wanted else b""
    host: str = (scope.get("client") or ("", 0))[0]
    return named or host.encode()
