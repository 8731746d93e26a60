"""Rides the pumps' ring, under traffic, until what main names is what runs and nothing is left to tell.

`python -m ring.riding ring`, in a process of its own: it is there to be killed.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from headgate.cli.ringing import ring_of
from headgate.cli.wiring import Project, open_project
from headgate.local.ring import Ring
from headgate.local.traffic import Client, one_by_one
from headgate.names import Name
from headgate.serve.door.admission import Door

DEADLINE_SECONDS = 60.0
PROD = Name("prod")


async def ride(project: Project) -> None:
    """Send rows one by one until the ring has settled."""
    ring = ring_of(project, PROD, said)
    door = Door(project.contract, project.spec)
    rows = project.read_rows(None, None).head(400)
    deadline = time.monotonic() + DEADLINE_SECONDS
    async with ring.running(), Client(ring.url, project.spec.service, door.datatypes) as client:
        while not is_settled(ring):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not settled: {ring.state}, wants {ring.next_move()}")
            await client.send(as_long_as(ring, rows))
            await asyncio.sleep(0.02)
        said(str(client.counts))


def said(*words: object) -> None:
    """Print what happened, at once: the process may end at any moment."""
    sys.stdout.write(" ".join(str(word) for word in words[:3]) + "\n")
    sys.stdout.flush()


def as_long_as(ring: Ring, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield rows while a canary wants them."""
    for row in one_by_one(rows):
        if not ring.in_canary:
            return
        yield row


def is_settled(ring: Ring) -> bool:
    """Say whether the ring has nothing to do."""
    state = ring.state
    at_rest = state.stable is not None and state.canary is None and not state.untold
    return at_rest and "stable" in ring.tracks.servers and ring.next_move().kind == "nothing"


if __name__ == "__main__":
    service, workspace = (Path(os.environ[name]) for name in ("HEADGATE_SERVICE", "HEADGATE_WORKSPACE"))
    asyncio.run(ride(open_project(service, workspace)))
