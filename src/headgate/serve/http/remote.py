"""A model that another process answers for: it is waited for in threads, and may be away."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from headgate.errors import HeadgateError, TransientError
from headgate.models.loading import Loaded
from headgate.serve.http.said import Said
from headgate.serve.refusal import RefusalError

WAITING = 16
"""Requests that are asked of the other process at a time; further ones wait for their turn."""


def threads_for(models: Iterable[Loaded]) -> ThreadPoolExecutor | None:
    """Return who waits for answers of another process, None where every model is in this one."""
    return ThreadPoolExecutor(WAITING, "predictor") if any(model.is_remote for model in models) else None


async def takes_requests(draining: bool, models: Iterable[Loaded], said: Said) -> bool:
    """Say whether requests should come: each model of another process must answer now, and as when it was trained."""
    for model in models:
        try:
            if model.is_remote and not draining:
                await asyncio.to_thread(model.check)
        except HeadgateError as err:
            said.say(err)
            return False
    return not draining


def refusal_of(err: Exception, said: Said) -> Exception:
    """Return what a client is told of an error: to try again, where the other process is away."""
    if not isinstance(err, TransientError):
        return err
    said.say(err)
    return RefusalError("the model's own predictor does not answer; try again", status=503, reason="predictor_away")
