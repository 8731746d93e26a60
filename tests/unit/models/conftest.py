"""An owner's predictor that answers where the environment says."""

from collections.abc import Iterator

import pytest

from fakes.predictor import Predictor, answering


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Predictor]:
    with answering() as one:
        monkeypatch.setenv("HEADGATE_PREDICTOR", one.address)
        yield one
