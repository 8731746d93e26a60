"""Writes that may be lost on the way: look whether they happened before they are sent again."""

import time
from collections.abc import Callable
from typing import TypeVar

from headgate.adapters.forges.rest import RefusedError, UnknownError
from headgate.errors import TransientError

PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Before each look after a lost answer: a busy forge may still be at it."""

Found = TypeVar("Found")


def once(
    look: Callable[[], Found | None], act: Callable[[], Found], sleep: Callable[[float], None] = time.sleep
) -> Found:
    """Do what is not yet done; after a lost or a refused write, look before doing it again."""
    lost: UnknownError | None = None
    for pause in PAUSES_SECONDS:
        sleep(pause)
        if (seen := look()) is not None:
            return seen
        try:
            return act()
        except UnknownError as err:
            lost = err
        except RefusedError:  # it may be refused because it is done: by a lost write, or by somebody else
            if (seen := look()) is not None:
                return seen
            raise
    raise lost or TransientError("a write was tried in vain", next_step="try again")
