"""`ports.Stream` on Kafka: a consumer that commits by hand, an idempotent producer; after a failure both are new."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.abc import ConsumerRebalanceListener

from headgate.adapters.kafka.access import access
from headgate.adapters.kafka.lenient import read_any_name
from headgate.adapters.kafka.stopping import stop
from headgate.adapters.kafka.troubles import Troubles
from headgate.adapters.kafka.writing import REQUEST_SECONDS, Writer
from headgate.ports import Letter, Message
from headgate.specs.stream import Streaming

HAND_SECONDS = 6.0
"""A rebalance waits so long for what is in hand to be committed, and is then answered twice; sessions last longer."""
SESSION_SECONDS = 10.0
REBALANCE_SECONDS = 25.0
"""A rebalance that takes longer is begun anew."""

BATCH_SECONDS = 3600.0
"""A batch may take so long; after the library's own five minutes the next process would begin it anew, and so on."""

MOVED = (errors.CommitFailedError, errors.IllegalStateError)
"""A rebalance came between: whoever has the partition now begins at its last commit."""


class KafkaStream(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Reads and writes the topics of one stream."""

    def __init__(self, stream: Streaming, group: str) -> None:
        read_any_name()
        self.stream = stream
        self.group = group
        self.access = access(stream)
        self.writer = Writer(self.access)
        self.troubles = Troubles(
            stream,
            f"Read on topic {stream.requests!r} and group {group!r}, Write on {stream.answers!r} and "
            f"{stream.dead_letters!r}, and Describe on all three",
        )
        self.consumer: Any = None
        self.in_hand = asyncio.Lock()
        """Held from what is taken to its commit: a rebalance waits for it."""
        self.gone = 0
        self.seen = False
        """The topics were there: if they are gone they may come back."""

    async def open(self) -> None:
        """Join the group; PermanentError names a topic that is not there, and what may not be done."""
        self.troubles.overheard.forget()
        self.writer.refused.clear()  # a limit may have been raised meanwhile
        with self.troubles.told("reach the brokers"):
            self.consumer = AIOKafkaConsumer(
                group_id=self.group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                session_timeout_ms=ms(SESSION_SECONDS),
                heartbeat_interval_ms=ms(SESSION_SECONDS / 5),
                max_poll_interval_ms=ms(BATCH_SECONDS),
                **self.access,
                request_timeout_ms=ms(REQUEST_SECONDS),
            )
            await self.consumer.start()
            self.refuse_missing(await self.consumer.topics())
            await self.writer.open()
            self.consumer.subscribe([self.stream.requests], listener=self)

    def refuse_missing(self, topics: Sequence[str]) -> None:
        wanted = (self.stream.requests, self.stream.answers, self.stream.dead_letters)
        missing = [topic for topic in wanted if topic not in topics]
        if missing:
            raise self.troubles.missing(missing, for_good=not self.seen)
        self.seen = True

    async def take(self, most: int, seconds: float) -> Sequence[Message]:
        """Return what has come, at most so many; none when none came in that time."""
        with self.troubles.told(f"read topic {self.stream.requests!r}"):
            async with asyncio.timeout(seconds + REBALANCE_SECONDS):
                found = await self.consumer.getmany(timeout_ms=ms(seconds), max_records=most)
        messages = [message_of(record) for records in found.values() for record in records]
        if messages and not self.in_hand.locked():
            await self.in_hand.acquire()
        return messages

    async def give(self, letters: Sequence[Letter]) -> frozenset[int]:
        """Return once every letter is acknowledged by all replicas, but for those too long for their topic."""
        with self.troubles.told("write answers"):
            return await self.writer.give(letters)

    async def commit(self, messages: Sequence[Message]) -> None:
        """Commit what was answered; a partition that went to another process meanwhile is answered there once more."""
        next_of = {TopicPartition(one.topic, one.partition): one.offset + 1 for one in messages}
        try:
            with self.troubles.told(f"commit in group {self.group!r}"), suppress(*MOVED):
                own = self.consumer.assignment()
                if kept := {partition: offset for partition, offset in next_of.items() if partition in own}:
                    await self.consumer.commit(kept)
        finally:
            self.put_down()

    async def lag(self) -> Mapping[int, int]:
        """Return how many messages wait in each partition of this process; nothing while partitions are divided."""
        with self.troubles.told("ask what waits"), suppress(*MOVED):
            async with asyncio.timeout(REQUEST_SECONDS):
                own = list(self.consumer.assignment())
                ends = await self.consumer.end_offsets(own)
                return {one.partition: ends[one] - await self.consumer.position(one) for one in own}
        return {}

    def lost(self) -> int:
        """Return how many messages retention took before they were read, since this was last asked."""
        lost, self.gone = self.gone, 0
        return lost

    async def close(self) -> None:
        """Leave the group, as far as the brokers can be told."""
        self.put_down()
        consumer, self.consumer = self.consumer, None
        await self.writer.close()
        await stop(consumer)

    async def on_partitions_revoked(self, revoked: Sequence[Any]) -> None:
        """Let what is in hand be committed, while these partitions are still ours."""
        if revoked:
            with suppress(TimeoutError):
                async with asyncio.timeout(HAND_SECONDS), self.in_hand:
                    pass

    async def on_partitions_assigned(self, assigned: Sequence[Any]) -> None:
        """Count what is between the last commit and the first message that is still there."""
        with suppress(errors.KafkaError, TimeoutError):
            async with asyncio.timeout(REQUEST_SECONDS):
                first = await self.consumer.beginning_offsets(assigned)
                for one in assigned:
                    self.gone += max(0, first[one] - (await self.consumer.committed(one) or first[one]))

    def put_down(self) -> None:
        if self.in_hand.locked():
            self.in_hand.release()


def message_of(record: Any) -> Message:
    """Return a record as a message; a header without a value, which Kafka knows, is an empty one."""
    headers = tuple((name, value or b"") for name, value in record.headers)
    return Message(record.topic, record.partition, record.offset, record.key, record.value, headers)


def ms(seconds: float) -> int:
    return round(seconds * 1000)
