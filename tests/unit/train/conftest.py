"""Makes `worlds_to_learn` importable for the tests beside it, and keeps fitting to one thread."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Spinning OpenMP threads on a busy machine cost seconds."""
    from headgate.train.fit import one_thread  # noqa: PLC0415 - slow

    with one_thread():
        yield
