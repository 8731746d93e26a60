"""A short demo that the ring's tests look at."""

import pytest

from ring.replayed import Demo, play

SPAN = ("--live-from", "2013-06-01", "--until", "2013-07-19T12:00")
"""Seven weeks: a first model, and a second that is judged beside it."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return a demo that was played to its end, once for all tests of group `demo`."""
    return play(tmp_path_factory.mktemp("demo"), *SPAN)
