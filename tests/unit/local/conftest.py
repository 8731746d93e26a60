"""What tests of the ring share."""

import pytest

from headgate.local import patience


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once: a test does not wait."""
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.0)
