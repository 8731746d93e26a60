"""How many requests are being answered? Further ones are refused at once rather than late."""

import asyncio

from headgate.serve.refusal import RefusalError


class Places:
    """Counts the requests of one application."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0
        """Requests that are being answered. One whose body is still coming is none: a slow client takes no place."""
        self.turn = 0
        """Requests that were answered at once since the loop last looked for new ones: they came together."""

    def take_turn(self) -> None:
        """Count a request among those that came together."""
        if not self.turn:
            asyncio.get_running_loop().call_soon(self.end_turn)
        self.turn += 1

    def end_turn(self) -> None:
        self.turn = 0

    def shed(self) -> None:
        """Refuse a request that is one too many."""
        if max(self.held, self.turn) > self.most:
            raise RefusalError("too many requests at a time; try again in a second", status=503, reason="overload")
