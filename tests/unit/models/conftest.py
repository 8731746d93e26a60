"""Makes `makings` importable for the tests beside it, and an owner's predictor answer where the environment says."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.predictor import Predictor, answering

sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Predictor]:
    with answering() as one:
        monkeypatch.setenv("HEADGATE_PREDICTOR", one.address)
        yield one
