"""The end of a producer or consumer, whatever state its brokers are in."""

import asyncio
from typing import Any

LEAVE_SECONDS = 3.0


async def stop(client: Any) -> None:
    """Stop a producer or consumer, for as long as the brokers hear of it.

    In a task of its own: the library cancels its own tasks on the way, and lets that out.
    """
    if client is not None:
        stopping = asyncio.create_task(client.stop())
        await asyncio.wait({stopping}, timeout=LEAVE_SECONDS)
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
