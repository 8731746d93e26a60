"""A small service and its model, as the server's tests make them."""

from pathlib import Path

import pytest

from unit.serve.running import World, world


@pytest.fixture
def made(tmp_path: Path) -> World:
    return world(tmp_path)
