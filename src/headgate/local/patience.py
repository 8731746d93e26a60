"""How often is something that failed tried again? Sooner at first, then ever more seldom; and said once."""

import time
from collections.abc import Callable

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""Whoever runs this long without trouble begins anew."""


class Patience:
    """Counts tries of one thing; `due` says whether its next one may be made."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self.tries = 0
        self.tried_at = 0.0
        self.said = ""

    @property
    def due(self) -> bool:
        """Say whether enough time went by since the last try."""
        wait = min(FIRST_SECONDS * 2**self.tries, LONGEST_SECONDS) if self.tries else 0.0
        return self.monotonic() - self.tried_at >= wait

    def tried(self) -> None:
        """Count a try."""
        if self.tries and self.monotonic() - self.tried_at > STEADY_SECONDS:
            self.tries = 0
        self.tries += 1
        self.tried_at = self.monotonic()

    def is_news(self, what: str) -> bool:
        """Say whether this was not the last thing said."""
        new, self.said = what != self.said, what
        return new

    def over(self) -> None:
        """Forget the trouble."""
        self.tries, self.said = 0, ""
