"""A request's body, read whole within its limits; what is too long is never kept, and never parsed."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from headgate.serve.refusal import RefusalError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DISCARD_BYTES = 256 << 20
DISCARD_SECONDS = 5.0
"""A client that is still sending reads no answer: this much more is read and thrown away first."""


SMALL_BYTES = 64 << 10
"""Shorter bodies always find room: nobody who asks for a few rows waits for those who send many."""


class DisconnectedError(Exception):
    """The client left; nobody waits for an answer."""


class TooLongError(Exception):
    """More bytes came than the limit allows."""


class Room:
    """How much of unfinished bodies is held at a time, of all clients together."""

    def __init__(self, size_bytes: int) -> None:
        self.left_bytes = size_bytes

    def take(self, size_bytes: int) -> None:
        """Take so much of it; RefusalError 503 when there is not so much left."""
        if size_bytes > self.left_bytes:
            raise RefusalError("too many long requests at a time; try again in a second", status=503, reason="overload")
        self.left_bytes -= size_bytes

    def give(self, size_bytes: int) -> None:
        self.left_bytes += size_bytes


async def read_body(scope: Scope, receive: Receive, limit_bytes: int, limit_seconds: float, room: Room) -> bytes:
    """Return the body; RefusalError 413 when it is longer than the limit, 408 when it takes too long to come.

    503 when it is long, and the others that are coming fill the room.
    """
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length", b"")
    try:
        async with asyncio.timeout(limit_seconds):
            return await gather(receive, limit_bytes, int(declared[:20]) if declared.isdigit() else 0, room)
    except TooLongError:
        if b"expect" not in headers:
            await discard(receive)
        raise RefusalError(
            f"the body is longer than {limit_bytes:,} bytes; send fewer rows a request", status=413, reason="too_long"
        ) from None
    except TimeoutError:
        raise RefusalError(
            f"the body did not come within {limit_seconds:g} seconds", status=408, reason="too_slow"
        ) from None


async def gather(receive: Receive, limit_bytes: int, declared_bytes: int, room: Room) -> bytes:
    chunks: list[bytes] = []
    size, taken, more = 0, 0, True
    try:
        while more:
            if max(size, declared_bytes) > limit_bytes:
                raise TooLongError
            chunk, more = await next_chunk(receive)
            size += len(chunk)
            chunks.append(chunk)
            if size > SMALL_BYTES:
                room.take(size - taken)
                taken = size
    finally:
        room.give(taken)
    if size > limit_bytes:
        raise TooLongError
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def discard(receive: Receive) -> None:
    """Read on without keeping anything, for a while."""
    size, more = 0, True
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while more and size < DISCARD_BYTES:
                chunk, more = await next_chunk(receive)
                size += len(chunk)


async def next_chunk(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    return message.get("body", b""), message.get("more_body", False)
