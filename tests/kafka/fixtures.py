"""What tests of the real broker share: one broker a worker, topics of their own."""

import asyncio
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import ConsumerRecord

from headgate.specs.stream import Streaming
from kafka.broker import Broker

COUNTER = itertools.count()
LONGEST = 8 << 20


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """Return a broker that runs; a machine without Java or Maven fails, and says what is missing."""
    with tempfile.TemporaryDirectory(prefix="headgate-kafka-", ignore_cleanup_errors=True) as folder:
        started = Broker(Path(folder))
        try:
            yield started.start()
        finally:
            started.stop()


class Topics:
    """Three new topics of a broker, and a plain client to look at them."""

    def __init__(self, broker: Broker, partitions: int = 1, **configs: dict[str, str]) -> None:
        self.broker = broker
        number = next(COUNTER)
        self.stream = Streaming(
            brokers=(broker.address,),
            requests=f"requests-{number}",
            answers=f"answers-{number}",
            dead_letters=f"dead-{number}",
            group=f"group-{number}",
        )
        names = {"requests": self.stream.requests, "answers": self.stream.answers, "dead": self.stream.dead_letters}
        asyncio.run(
            create(
                broker,
                [NewTopic(name, partitions, 1, topic_configs=configs.get(role, {})) for role, name in names.items()],
            )
        )

    def send(
        self, *values: bytes | None, key: bytes | None = None, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        """Write messages to the topic of requests."""
        asyncio.run(self.sending(values, key, headers))

    async def sending(
        self, values: tuple[bytes | None, ...], key: bytes | None = None, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.broker.address, max_request_size=LONGEST) as producer:
            sent = [
                await producer.send(
                    self.stream.requests, value, key or (b"k" if value is None else None), headers=headers
                )
                for value in values
            ]
            await asyncio.gather(*sent)

    def read(self, topic: str) -> list[ConsumerRecord]:
        """Return all messages of a topic as it is now."""
        return asyncio.run(self.reading(topic))

    async def reading(self, topic: str) -> list[ConsumerRecord]:
        async with AIOKafkaConsumer(bootstrap_servers=self.broker.address, auto_offset_reset="earliest") as consumer:
            await consumer._client.add_topic(topic)
            own = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            consumer.assign(own)
            ends, found = await consumer.end_offsets(own), []
            for one in own:
                while await consumer.position(one) < ends[one]:
                    found += (await consumer.getmany(one, timeout_ms=1000)).get(one, [])
            return found

    def committed(self) -> int:
        """Return how many messages of the requests are committed, of all partitions."""
        return asyncio.run(committed(self.broker, str(self.stream.group)))


async def create(broker: Broker, topics: list[NewTopic]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        await admin.create_topics(topics)
    finally:
        await admin.close()


async def committed(broker: Broker, group: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group)
        return sum(max(0, one.offset) for one in found.values())
    finally:
        await admin.close()
