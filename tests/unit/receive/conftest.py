"""What the receiver is tried in: a world it watches, a station that letters reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.receive.station import Station
from unit.receive.world import A, World, room


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a world in which A is live."""
    with room(tmp_path) as folder:
        made = World(folder)
        made.go_live(A)
        yield made


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """Give a station in which nothing has happened yet."""
    with room(tmp_path) as folder:
        made = Station(folder)
        with made.open:
            yield made
