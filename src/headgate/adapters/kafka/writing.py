"""An idempotent producer whose every letter is acknowledged by all replicas; after a failure it is a new one."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, errors

from headgate.adapters.kafka.stopping import stop
from headgate.ports import Letter

REQUEST_SECONDS = 10.0
"""A broker's patience for one request."""
GIVE_SECONDS = 20.0
"""Letters that are not acknowledged within this are given again, by a new producer."""
LONGEST_BYTES = 64 << 20
"""Of a letter; a shorter limit is the topic's own."""
OUT_OF_ORDER = (errors.MessageSizeTooLargeError, errors.OutOfOrderSequenceNumber, errors.ProducerFenced)
"""What letters after one that is too long fail with, in the same partition."""


class Writer:
    """Writes letters to topics."""

    def __init__(self, access: Mapping[str, Any]) -> None:
        self.access = access
        self.producer: Any = None
        self.refused: dict[str, int] = {}
        """Topic → the shortest letter that it found too long; longer ones need not be tried."""

    async def open(self) -> None:
        """Begin a producer anew; an earlier one is forgotten."""
        await self.close()
        self.producer = AIOKafkaProducer(
            enable_idempotence=True,
            acks="all",
            max_request_size=2 * LONGEST_BYTES,
            linger_ms=0,
            **self.access,
            request_timeout_ms=round(1000 * REQUEST_SECONDS),
        )
        await self.producer.start()

    async def topics(self) -> set[str]:
        """Return the topics that the brokers show to this client."""
        found: set[str] = (await self.producer.client.fetch_all_metadata()).topics()
        return found

    async def give(self, letters: Sequence[Letter]) -> frozenset[int]:
        """Return once every letter is acknowledged, but for those whose places are returned: too long for a topic."""
        short = [place for place, letter in enumerate(letters) if not self.is_long(letter)]
        async with asyncio.timeout(GIVE_SECONDS):
            sent = [await self.send(letters[place]) for place in short]
            results = await asyncio.gather(*sent, return_exceptions=True)
        failed = {place: err for place, err in zip(short, results, strict=True) if isinstance(err, BaseException)}
        long = set(range(len(letters))) - set(short)
        if failed:
            long |= await self.one_by_one(letters, failed)
        return frozenset(long)

    async def one_by_one(self, letters: Sequence[Letter], failed: Mapping[int, BaseException]) -> set[int]:
        """Give the letters again that failed beside one that is too long, short ones first: brokers refuse batches."""
        is_long = any(isinstance(err, errors.MessageSizeTooLargeError) for err in failed.values())
        for err in failed.values():
            if not (is_long and isinstance(err, OUT_OF_ORDER)):
                raise err
        await self.open()
        return {
            place
            for place in sorted(failed, key=lambda place: size(letters[place]))
            if await self.refuses(letters[place])
        }

    async def refuses(self, letter: Letter) -> bool:
        """Give one letter; say whether its topic finds it too long."""
        if self.is_long(letter):
            return True
        try:
            async with asyncio.timeout(GIVE_SECONDS):
                await (await self.send(letter))
        except errors.MessageSizeTooLargeError:
            self.refused[letter.topic] = size(letter)
            await self.open()  # what was refused had taken a number, and the next one would be out of order
            return True
        return False

    async def send(self, letter: Letter) -> Awaitable[Any]:
        """Hand a letter to the producer; return its acknowledgement to come."""
        headers = list(letter.headers)
        acknowledged: Awaitable[Any] = await self.producer.send(
            letter.topic, value=letter.value, key=letter.key, headers=headers
        )
        return acknowledged

    def is_long(self, letter: Letter) -> bool:
        """Say whether the topic refused a letter that was no longer than this one."""
        return size(letter) >= self.refused.get(letter.topic, LONGEST_BYTES)

    async def close(self) -> None:
        producer, self.producer = self.producer, None
        await stop(producer)


def size(letter: Letter) -> int:
    """Return a letter's bytes, as they count for a topic's limit."""
    return len(letter.key) + len(letter.value) + sum(len(name) + len(value) for name, value in letter.headers)
