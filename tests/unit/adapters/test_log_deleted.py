"""A pod's log is deleted once it is in the store: nothing is lost, nothing is there twice, whoever is killed when."""

import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.adapters import answers
from headgate.adapters.answers import Shipping, bring, files, free
from headgate.adapters.durable import locked
from headgate.adapters.files import FileStore
from headgate.adapters.kafka.shipping import TopicShipping
from headgate.errors import TransientError
from headgate.names import Uri
from headgate.serve.logs import appending
from headgate.serve.logs.appending import Appending
from headgate.serve.logs.prediction_log import read
from headgate.serve.logs.room import Room
from headgate.specs.stream import LogTopic
from unit.adapters.test_answers import ALWAYS, HEAD, WHERE, line

DAYS = ("2013-05-01", "2013-05-02")


class Moody(FileStore):
    """A store that ends as many puts as it is told to with an error, half of them once it has what it was given."""

    moods = 0

    def put(self, uri: Uri, content: bytes) -> None:
        """Keep, or not, and say that it failed."""
        if not self.moods:
            super().put(uri, content)
            return
        self.moods -= 1
        if self.moods % 2 == 0:
            super().put(uri, content)
        raise TransientError("the store is away")


class Pod:
    """A server and what ships its log, each replaced when it is killed; a store outlives them."""

    def __init__(self, root: Path) -> None:
        self.log, self.back, self.store = root / "log", root / "back", Moody(root / "store")
        self.written = 0
        self.server = self.shipping = None  # type: ignore[assignment]  # set by the next two
        self.start_server()
        self.start_shipping()

    def start_server(self) -> None:
        self.server = Appending("model-", HEAD, Room(self.log, None))

    def start_shipping(self) -> None:
        self.shipping = Shipping(self.store, self.log, WHERE)

    def write(self, day: str = DAYS[0], count: int = 1) -> None:
        lines = b"".join(line(self.written + one) for one in range(count))
        self.server.append(self.log / day, lines)
        self.written += count

    def kill_server_in_a_write(self) -> None:
        for path in self.server.files.values():
            if path.exists():
                with path.open("ab") as file:
                    file.write(line(999)[:-5])
        self.start_server()

    def ship(self) -> None:
        try:
            self.shipping.ship()
        except TransientError:
            return

    def free(self) -> None:
        free(self.log, [self.shipping])

    def stored(self) -> list[float]:
        bring(self.store, WHERE, self.back, *ALWAYS)
        rows = read(self.back)
        return [] if rows.is_empty() else rows["inputs"].struct.field("weight").sort().to_list()


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def test_what_is_not_sent_is_not_deleted(pod: Pod) -> None:
    """A line that came between sending and deleting keeps its file."""
    pod.write()
    pod.free()
    pod.ship()
    pod.write()
    pod.free()
    kept = len(files(pod.log))
    pod.ship()
    pod.free()

    assert (1, []) == (kept, list(pod.log.iterdir()))
    assert [0.0, 1.0] == pod.stored()


def test_a_file_that_every_destination_has_is_deleted_and_no_other(pod: Pod) -> None:
    """A topic whose brokers are away holds it."""
    pod.write()
    pod.ship()
    free(pod.log, [pod.shipping, Shipping(pod.store, pod.log, "elsewhere")])
    kept = len(files(pod.log))
    pod.free()

    assert (1, []) == (kept, files(pod.log))


def test_a_file_that_is_being_written_is_left_alone(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer has it in hand, from before it looks how long it is until the line stands."""
    pod.write()
    pod.ship()
    write = appending.write_all

    def late(descriptor: int, content: bytes) -> None:
        pod.free()
        write(descriptor, content)

    monkeypatch.setattr(appending, "write_all", late)
    pod.write()
    pod.ship()

    assert [0.0, 1.0] == pod.stored()
    assert 1 == len(files(pod.log))


def test_a_file_that_is_deleted_as_it_is_opened_gets_no_line(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an old one nor a new one: the line would be nowhere."""
    pod.write()
    pod.ship()
    flock, deleted = fcntl.flock, []

    def late(descriptor: int, how: int) -> None:
        if len(deleted) < 2:
            deleted.extend(files(pod.log))
            deleted[-1].unlink()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    pod.write()
    monkeypatch.undo()
    pod.ship()

    assert [0.0, 1.0] == pod.stored()
    assert 2 == len({*deleted})


def test_a_writer_waits_for_nobody(pod: Pod) -> None:
    """A file in another's hand is followed by a new one."""
    pod.write()
    with locked(files(pod.log)[0], fcntl.LOCK_EX):
        pod.write()

    assert 2 == len(files(pod.log))


@pytest.mark.parametrize("torn", [b"", HEAD[:20], HEAD, HEAD + line(1)[:-1]])
def test_what_a_killed_server_tore_does_not_stay_for_ever(pod: Pod, torn: bytes) -> None:
    """It was never a line, and nobody will end it."""
    path = pod.log / DAYS[0] / "model-1-2.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(torn)
    pod.ship()
    pod.start_shipping()
    pod.free()

    assert ([], []) == (files(pod.log), pod.store.uris(WHERE))


def test_killed_between_store_and_disk_it_finds_out_what_is_there(pod: Pod) -> None:
    """The next process asks the store, sends nothing again, and deletes."""
    pod.write(count=3)
    pod.ship()
    pod.start_shipping()
    pod.free()
    kept = len(files(pod.log))
    pod.ship()
    pod.free()

    assert (1, 0) == (kept, len(files(pod.log)))
    assert [0.0, 1.0, 2.0] == pod.stored()


def test_a_store_that_failed_once_it_had_a_piece_takes_the_next_ones(pod: Pod) -> None:
    """What it has is asked, not supposed: else the grown file would be other content under that piece's name."""
    pod.write()
    pod.store.moods = 1
    pod.ship()
    pod.write()
    pod.ship()
    pod.free()

    assert ([0.0, 1.0], []) == (pod.stored(), files(pod.log))


def test_a_topic_remembers_what_is_still_there_alone(pod: Pod) -> None:
    """Names never come again, so their list would grow for as long as the pod lives."""
    pod.write()
    (path,) = files(pod.log)
    name = path.relative_to(pod.log).as_posix()
    (pod.log / ".sent-predictions.json").write_text(f'{{"{name}": 7, "2013-04-30/gone.jsonl": 9}}')
    topic = TopicShipping(LogTopic(brokers=("127.0.0.1:1",), topic="predictions"), pod.log)
    remembered = dict(topic.sent)
    topic.forget(path)

    assert ({name: 7}, 0) == (remembered, topic.sent_of(path))


STEPS = ("write", "write", "other_day", "ship", "free", "kill_ship", "kill_server", "away")


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.sampled_from(STEPS), max_size=25), piece=st.sampled_from([1, 150, 10_000]))
def test_every_row_is_in_the_store_once_in_whichever_order_things_happen(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], piece: int
) -> None:
    """Writes, rotations, sendings, deletions, kills and a store that is away; in the end no file is left."""
    pod = Pod(tmp_path_factory.mktemp("pod"))
    does = {
        "write": pod.write,
        "other_day": lambda: pod.write(DAYS[1], 2),  # a clock that goes over midnight, and back
        "ship": pod.ship,
        "free": pod.free,
        "kill_ship": pod.start_shipping,
        "kill_server": pod.kill_server_in_a_write,
        "away": lambda: setattr(pod.store, "moods", 2),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(appending, "SEGMENT_BYTES", len(HEAD) + 100)
        patch.setattr(answers, "PIECE_BYTES", piece)
        for step in steps:
            does[step]()
        pod.store.moods = 0
        pod.ship()
        pod.free()

    assert [float(one) for one in range(pod.written)] == pod.stored()
    assert [] == files(pod.log)


def test_two_servers_and_who_deletes_at_the_same_moment_lose_nothing(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one folder, as fast as they can."""
    monkeypatch.setattr(appending, "SEGMENT_BYTES", 2_000)
    each = 200

    def serve(first: int) -> None:
        server = Appending("model-", HEAD, Room(pod.log, None))
        for number in range(first, first + each):
            server.append(pod.log / DAYS[number % 2], line(number))

    servers = [threading.Thread(target=serve, args=(first,)) for first in (0, each)]
    for one in servers:
        one.start()
    for _ in rounds(servers):
        pod.ship()
        pod.free()

    assert [float(one) for one in range(2 * each)] == pod.stored()
    assert [] == list(pod.log.iterdir())


def rounds(servers: list[threading.Thread]) -> Iterator[None]:
    """Go on while they write, and once more."""
    while any(one.is_alive() for one in servers):
        yield
    yield
