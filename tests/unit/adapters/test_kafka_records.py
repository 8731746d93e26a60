"""Records as other clients write them."""

from aiokafka import ConsumerRecord

from headgate.adapters.kafka.stream import message_of
from headgate.adapters.kafka.writing import size
from headgate.stream.letters import TOMBSTONE, DeadError, dead


def test_a_header_without_a_value_stops_nobody() -> None:
    """Kafka knows it, and a stream that ended by it would end by it at each start."""
    record = ConsumerRecord("requests", 0, 7, 0, 0, None, None, 0, -1, -1, (("trace", None), ("tenant", b"a")))

    message = message_of(record)

    assert (("trace", b""), ("tenant", b"a")) == message.headers
    assert size(dead(message, "dead", "abc", DeadError(TOMBSTONE, "it asks for nothing"))) > 0
