"""The loop: take, answer, give, and only then commit. Whatever fails on the way, the topics are opened anew."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from headgate.errors import PermanentError, TransientError
from headgate.ports import Letter, Message, Stream

TAKE_SECONDS = 0.5
"""How long a wait for messages keeps from ending."""
LAG_SECONDS = 5.0
"""How often it is asked what waits; a stream that nothing comes from is known to be away by this alone."""
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 0.5, 30.0
"""Between two tries to open the topics: twice as long each time."""


class Answers(Protocol):
    """Makes a letter of each message."""

    def letters(self, messages: Sequence[Message]) -> list[Letter]:
        """Return one letter for each message, in their order."""

    def shorter(self, message: Message, letter: Letter) -> Letter | None:
        """Return what is written in place of a letter that its topic finds too long."""


class Told(Protocol):
    """Is told what happens."""

    def opened(self) -> None:
        """Messages can be read."""

    def done(self, letters: Sequence[Letter]) -> None:
        """These were written, and what they are about is committed."""

    def lag(self, waiting: Mapping[int, int], lost: int) -> None:
        """So many messages wait in each partition; so many more were gone before they were read."""

    def away(self, err: TransientError, wait_seconds: float) -> None:
        """The topics cannot be reached; they are tried again after so long."""


class Loop:
    """Answers messages until it is stopped."""

    def __init__(self, stream: Stream, answers: Answers, told: Told, most: int) -> None:
        self.stream = stream
        self.answers = answers
        self.told = told
        self.most = most
        self.stopping = asyncio.Event()
        """Set from outside: what is in hand is answered and committed, and nothing more is taken."""
        self.wait_seconds = FIRST_WAIT_SECONDS

    async def run(self) -> None:
        """Run until `stopping` is set; PermanentError where trying again does not help."""
        while not self.stopping.is_set():
            reached = False
            try:
                await self.stream.open()
                await self.pump()
                reached = True
            except TransientError as err:
                self.told.away(err, self.wait_seconds)
            finally:
                await self.stream.close()
            if not reached:
                await self.rest()

    async def pump(self) -> None:
        self.told.opened()
        asked = 0.0
        while not self.stopping.is_set():
            if messages := await self.taken():
                await self.handle(messages)
            if time.monotonic() - asked >= LAG_SECONDS:
                self.told.lag(await self.stream.lag(), self.stream.lost())
                asked = time.monotonic()
                self.wait_seconds = FIRST_WAIT_SECONDS

    async def taken(self) -> Sequence[Message]:
        """Return what has come, nothing once the stream is stopped: that wait is not worth its end."""
        taking = asyncio.create_task(self.stream.take(self.most, TAKE_SECONDS))
        stopped = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return [] if self.stopping.is_set() else await taking
        finally:
            for task in (taking, stopped):
                task.cancel()
            await asyncio.gather(taking, stopped, return_exceptions=True)

    async def handle(self, messages: Sequence[Message]) -> None:
        """Answer what was taken, then commit it; in a thread, so that the broker goes on hearing of us."""
        made = await asyncio.to_thread(self.answers.letters, messages)
        written = await self.deliver(messages, made)
        await self.stream.commit(messages)
        self.told.done(written)

    async def deliver(self, messages: Sequence[Message], made: Sequence[Letter]) -> list[Letter]:
        """Return what was written for each message: where a letter is too long for its topic, a shorter one."""
        letters = list(made)
        places: Sequence[int] = range(len(letters))
        while places:
            long = await self.stream.give([letters[place] for place in places])
            places = [place for number, place in enumerate(places) if number in long]
            for place in places:
                letters[place] = self.shortened(messages[place], letters[place])
        return letters

    def shortened(self, message: Message, letter: Letter) -> Letter:
        shorter = self.answers.shorter(message, letter)
        if shorter is None:
            raise PermanentError(
                f"topic {letter.topic!r} takes not even the reason why {message.place} is a dead letter",
                next_step="raise its max.message.bytes",
            )
        return shorter

    async def rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), self.wait_seconds)
        self.wait_seconds = min(2 * self.wait_seconds, LAST_WAIT_SECONDS)
