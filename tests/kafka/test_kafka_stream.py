"""`headgate stream` on a real broker: killed, drained, divided and cut off, and no message is lost."""

import asyncio
import signal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from msgspec.structs import replace

from headgate.adapters.usercode import load as load_function
from headgate.models.loading import load
from headgate.ports import Letter, Message
from headgate.serve.door.admission import Door
from headgate.serve.model.predictor import Predictor
from headgate.specs.contract import Contract
from headgate.specs.reading import read
from headgate.specs.service import Service
from headgate.specs.stream import Sasl, Streaming, Tls
from headgate.stream.answering import Answering
from kafka.broker import Broker
from kafka.fixtures import Topics
from kafka.headers import AnyName, write_any_name
from kafka.people import PASSWORDS
from kafka.streaming import bodies, small, streaming, wait_for, written
from unit.serve.running import World, world
from unit.stream.messages import request

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("kafka")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a service and its model."""
    return world(tmp_path_factory.mktemp("rides"))


def expected(made: World, topics: Topics) -> dict[str, Letter]:
    """Return the letter of each message as this process makes it, one message at a time."""
    spec, contract = read(made.folder / "service.yaml", Service), read(made.folder / "contract.yaml", Contract)
    function = load_function(str(spec.data.features), made.folder)
    predictor = Predictor(load(made.model, made.sha256), spec, function, Door(contract, spec))
    answering = Answering(predictor, topics.stream)
    found = {}
    for one in topics.read(topics.stream.requests):
        message = Message(one.topic, one.partition, one.offset, one.key, one.value, tuple(one.headers))
        found[message.place] = answering.letters([message])[0]
    return found


def assert_all_answered(made: World, topics: Topics) -> int:
    """Check that each message has its letter, and no other; return how many were written more than once."""
    found, wanted = written(topics), expected(made, topics)
    assert wanted.keys() == found.keys()
    for place, letters in found.items():
        assert all(letter == wanted[place] for letter in letters), place
    return sum(len(letters) - 1 for letters in found.values())


def test_killed_at_any_moment_every_message_has_an_answer_and_all_of_its_answers_are_equal(
    made: World, broker: Broker
) -> None:
    """SIGKILL again and again in the middle: what was not committed is answered anew, with the same bytes."""
    topics = Topics(broker, partitions=3)
    topics.send(*bodies(1500))
    stream = small(topics.stream)

    for number, answered in enumerate([1, 60, 200, 400]):
        with streaming(made, stream) as process:
            process.wait_ready()
            wait_for(lambda: process.metric("headgate_stream_messages_total") >= answered)  # noqa: B023 - called here
            assert process.end(signal.SIGKILL) == -signal.SIGKILL, number
    with streaming(made, stream) as process:
        wait_for(lambda: topics.committed() == 1500, why=lambda: process.said)

    again = assert_all_answered(made, topics)
    assert again < 5 * 3 * stream.batch_messages


def test_sigterm_ends_what_is_in_hand_and_nothing_is_answered_twice(made: World, broker: Broker) -> None:
    """Exit 0; what is committed is answered, what is answered is committed, and the next process goes on."""
    topics = Topics(broker, partitions=2)
    topics.send(*bodies(800))

    with streaming(made, small(topics.stream)) as process:
        process.wait_ready()
        wait_for(lambda: process.metric("headgate_stream_messages_total") > 40)
        assert process.end() == 0
        assert "stream_ended" in process.events
    first = sum(len(letters) for letters in written(topics).values())
    assert 40 < first == topics.committed()
    with streaming(made, small(topics.stream)) as process:
        wait_for(lambda: topics.committed() == 800, why=lambda: process.said)

    assert assert_all_answered(made, topics) == 0


def test_partitions_are_divided_anew_while_messages_come_and_none_is_lost(made: World, broker: Broker) -> None:
    """A second process joins, the first one leaves, in the middle of the work: what is in hand is committed first."""
    topics = Topics(broker, partitions=4)
    topics.send(*bodies(600))

    with streaming(made, small(topics.stream, 5), "one") as one, streaming(made, small(topics.stream, 5), "two") as two:
        one.wait_ready()
        two.wait_ready()
        topics.send(*bodies(600))
        wait_for(
            lambda: min(each.metric("headgate_stream_messages_total") for each in (one, two)) > 0,
            why=lambda: one.said + two.said,
        )
        assert one.end() == 0
        topics.send(*bodies(300))
        wait_for(lambda: topics.committed() == 1500, why=lambda: one.said + two.said)

    assert assert_all_answered(made, topics) == 0


def test_a_broker_that_goes_away_is_told_and_the_work_goes_on_when_it_is_back(made: World, broker: Broker) -> None:
    """Killed with work in hand: a line, a metric, tries further and further apart; then all is answered."""
    topics = Topics(broker, partitions=2)
    topics.send(*bodies(400))

    with streaming(made, small(topics.stream)) as process:
        process.wait_ready()
        wait_for(lambda: process.metric("headgate_stream_messages_total") > 20)
        broker.stop(signal.SIGKILL)
        wait_for(lambda: process.metric("headgate_stream_away") == 1, why=lambda: process.said)
        broker.start()
        topics.send(*bodies(100))
        wait_for(lambda: topics.committed() == 500, why=lambda: process.said)
        assert process.metric("headgate_stream_away") == 0
        assert process.metric("headgate_stream_failures_total") >= 1
        assert process.end() == 0

    events = process.events
    assert events.index("stream_open") < events.index("stream_away") < events.index("stream_back")
    assert_all_answered(made, topics)


def test_a_stream_whose_broker_is_away_ends_when_it_is_told_to(made: World, broker: Broker) -> None:
    """SIGTERM while it waits for the next try."""
    topics = Topics(broker)
    with streaming(made, topics.stream) as process:
        process.wait_ready()
        broker.stop()
        try:
            wait_for(lambda: process.metric("headgate_stream_away") == 1, why=lambda: process.said)
            assert process.end() == 0
        finally:
            broker.start()


def test_messages_longer_than_a_topic_takes_stop_nobody(made: World, broker: Broker) -> None:
    """Three megabytes of nonsense, an answer that is too long, a dead letter that is: each is told of at its place."""
    limits = {"requests": {"max.message.bytes": str(8 << 20)}, "answers": {"max.message.bytes": "4000"}}
    topics = Topics(broker, **limits, dead={"max.message.bytes": "20000"})
    long_answer = request("long", count=250)
    topics.send(
        request("a"), b"x" * (3 << 20), long_answer, request("huge", count=2000), *[request(f"b{n}") for n in range(40)]
    )

    with streaming(made, topics.stream) as process:
        wait_for(lambda: topics.committed() == 44, why=lambda: process.said)

    found = {place: letters[0] for place, letters in written(topics).items()}
    assert 44 == len(found)
    dead = {
        place.rpartition("/")[2]: letter
        for place, letter in found.items()
        if letter.topic == topics.stream.dead_letters
    }
    assert {"1", "2", "3"} == set(dead)
    kinds = {place: dict(letter.headers) for place, letter in dead.items()}
    assert ["malformed", "too_long", "too_long"] == [kinds[place]["headgate-kind"].decode() for place in "123"]
    assert [b"", long_answer, b""] == [dead[place].value for place in "123"]
    assert kinds["1"]["headgate-cut"] == b"%d" % (3 << 20)


def test_a_flood_of_answers_that_are_too_long_is_told_of_without_trying_each(made: World, broker: Broker) -> None:
    """What a topic once refused it is not asked again; those that fit are answered among them."""
    topics = Topics(broker, answers={"max.message.bytes": "4000"})
    topics.send(*[request(f"r{number}", count=250 if number % 3 else 1) for number in range(300)])

    with streaming(made, topics.stream) as process:
        wait_for(lambda: topics.committed() == 300, why=lambda: process.said)
        assert process.events.count("stream_away") == 0

    assert 100 == len({one.key for one in topics.read(topics.stream.answers)})
    assert 200 == len({one.key for one in topics.read(topics.stream.dead_letters)})


def test_messages_may_come_compressed(made: World, broker: Broker) -> None:
    """In each of the ways that producers know."""
    topics = Topics(broker)

    async def send() -> None:
        for codec in ("gzip", "lz4", "snappy", "zstd"):
            async with AIOKafkaProducer(bootstrap_servers=broker.address, compression_type=codec) as producer:
                await producer.send_and_wait(topics.stream.requests, request(codec, count=30))

    asyncio.run(send())
    with streaming(made, topics.stream) as process:
        wait_for(lambda: topics.committed() == 4, why=lambda: process.said)

    assert_all_answered(made, topics)


def test_a_header_whose_name_is_no_text_stops_nobody(
    made: World, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client of another language can write one: its message is answered as the others are, before and after it."""
    topics = Topics(broker)
    write_any_name(monkeypatch)
    bad = [(AnyName(b"\xff\xfe"), b"kept"), ("trace", b"1")]
    topics.send(request("a"), request("b"))
    topics.send(request("c"), b"nonsense", request("d"), headers=bad)
    topics.send(request("e"))

    with streaming(made, topics.stream) as process:
        wait_for(lambda: len(written(topics)) == 6, why=lambda: process.said)

    found = written(topics)
    assert [[b"a"], [b"b"], [b"c"], [b"d"], [b"e"]] == [
        [one.key for one in letters] for letters in found.values() if letters[0].topic == topics.stream.answers
    ]
    assert {"\ufffd\ufffd", "trace"} <= {name for name, _ in found[f"{topics.stream.requests}/0/3"][0].headers}


def test_messages_of_a_transaction_are_answered_once_it_is_committed_and_never_when_it_is_not(
    made: World, broker: Broker
) -> None:
    """What a producer took back was never asked."""
    topics = Topics(broker)

    async def send() -> None:
        settings = {"bootstrap_servers": broker.address, "transactional_id": topics.stream.group}
        async with AIOKafkaProducer(**settings) as producer:
            async with producer.transaction():
                await producer.send(topics.stream.requests, request("kept"))
            await producer.begin_transaction()
            await producer.send_and_wait(topics.stream.requests, request("taken back"))
            await producer.abort_transaction()

    asyncio.run(send())
    topics.send(request("plain"))
    with streaming(made, topics.stream) as process:
        process.wait_ready()
        wait_for(lambda: process.metric("headgate_stream_messages_total") == 2, why=lambda: process.said)
        wait_for(lambda: process.metric("headgate_stream_lag") == 0, why=lambda: process.said)

    assert [b"kept", b"plain"] == [one.key for one in topics.read(topics.stream.answers)]


def test_messages_that_retention_took_unread_are_counted_and_told(made: World, broker: Broker) -> None:
    """A stream that was away for longer than the topic keeps messages cannot answer them, and does not hide it."""
    topics = Topics(broker)
    topics.send(*[request(f"a{number}") for number in range(4)])
    with streaming(made, topics.stream) as process:
        wait_for(lambda: topics.committed() == 4, why=lambda: process.said)
        process.end()
    topics.send(*[request(f"b{number}") for number in range(6)])

    async def take_away() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(topics.stream.requests, 0): RecordsToDelete(before_offset=7)})
        finally:
            await admin.close()

    asyncio.run(take_away())
    with streaming(made, topics.stream) as process:
        process.wait_ready()
        wait_for(lambda: process.metric("headgate_stream_lost_total") == 3, why=lambda: process.said)
        wait_for(lambda: topics.committed() == 10, why=lambda: process.said)

    assert "messages_lost" in process.events


def closed(broker: Broker, topics: Topics, user: str, folder: Path, ca: Path | None = None) -> Streaming:
    """Return the stream by TLS and SASL."""
    secret = folder / f"{user}.password"
    secret.write_text(PASSWORDS.get(user, "wrong") + "\n")
    return replace(
        topics.stream,
        brokers=(broker.closed_address,),
        tls=Tls(ca=str(ca or broker.ca)),
        sasl=Sasl(mechanism="PLAIN", user=user, password_file=str(secret)),
    )


def test_tls_and_a_password_from_a_file_or_a_variable_open_the_door(
    made: World, broker: Broker, tmp_path: Path
) -> None:
    """The broker's certificate is checked against the CA that settings name."""
    topics = Topics(broker)
    topics.send(request("a"))
    by_file = closed(broker, topics, "streamer", tmp_path)
    by_variable = replace(by_file, sasl=Sasl(mechanism="PLAIN", user="streamer", password_env="KAFKA_PASSWORD"))

    with streaming(made, by_file) as process:
        wait_for(lambda: topics.committed() == 1, why=lambda: process.said)
        process.end()
    topics.send(request("b"))
    with streaming(made, by_variable, KAFKA_PASSWORD=PASSWORDS["streamer"]) as process:
        wait_for(lambda: topics.committed() == 2, why=lambda: process.said)

    assert PASSWORDS["streamer"] not in process.said
    assert_all_answered(made, topics)


REFUSED = {
    "who may do nothing": ("stranger", ["the brokers show no topic", "to user 'stranger'"]),
    "a wrong password": ("nobody", ["AuthenticationFailed", "the brokers know this client as 'nobody'"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_client_that_may_not_is_told_what_it_needs(made: World, broker: Broker, tmp_path: Path, case: str) -> None:
    """Exit 1, for trying again does not help; the password is in no message."""
    user, said = REFUSED[case]
    topics = Topics(broker)

    with streaming(made, closed(broker, topics, user, tmp_path)) as process:
        code = process.process.wait(60)

    assert code == 1, process.said
    assert all(words in process.said for words in said), process.said
    assert PASSWORDS.get(user, "wrong\n") not in process.said


def test_a_broker_that_cannot_prove_who_it_is_is_told_as_away(made: World, broker: Broker, tmp_path: Path) -> None:
    """Nothing is sent to it, the password least of all."""
    from kafka.people import certificate  # noqa: PLC0415 - another authority

    topics = Topics(broker)

    with streaming(made, closed(broker, topics, "streamer", tmp_path, ca=certificate(tmp_path))) as process:
        wait_for(lambda: "stream_away" in process.said, why=lambda: process.said)
        assert process.end() == 0

    assert "CERTIFICATE_VERIFY_FAILED" in process.said
