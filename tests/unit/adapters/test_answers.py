"""Logged answers on their way to the store and back."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.adapters import answers
from headgate.adapters.answers import Shipping, bring, place
from headgate.adapters.files import FileStore
from headgate.names import Digest, Name, Uri
from headgate.serve.logs.prediction_log import read
from headgate.serve.logs.segment import Segment

SEGMENT = Segment(
    service=Name("orders"),
    model=Digest("1" * 64),
    task="binary",
    classes=(),
    time=None,
    id=(),
    columns={"weight": "number"},
)
HEAD = msgspec.json.encode(SEGMENT) + b"\n"
WHERE = place("prod", "orders")
ALWAYS = "0000-00-00", "9999-99-99"


def line(number: int) -> bytes:
    return b'{"at":%d,"scores":[0.5],"inputs":{"weight":[%d.0]}}\n' % (number, number)


class Room:
    """A server's log folder and a store, in one test's folder."""

    def __init__(self, root: Path) -> None:
        self.log, self.back = root / "log", root / "back"
        self.store = FileStore(root / "store")
        self.file = self.log / "2013-05-01" / "model-1-2.jsonl"
        self.file.parent.mkdir(parents=True)
        self.file.touch()

    def write(self, content: bytes) -> None:
        with self.file.open("ab") as file:
            file.write(content)

    def shipping(self) -> Shipping:
        """Return a process that knows nothing of those before it."""
        return Shipping(self.store, self.log, WHERE)

    def brought(self) -> list[float]:
        bring(self.store, WHERE, self.back, *ALWAYS)
        found = read(self.back)
        return [] if found.is_empty() else found["inputs"].struct.field("weight").sort().to_list()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.mark.parametrize("torn", [b"", HEAD[:20], HEAD, HEAD + line(1)[:-1]])
def test_nothing_is_sent_before_a_line_has_ended(room: Room, torn: bytes) -> None:
    """A file torn in its first line, or with no other one, says nothing."""
    room.write(torn)

    assert room.shipping().ship() == 0
    assert room.store.uris(WHERE) == []


def test_a_line_that_ends_later_is_sent_whole(room: Room) -> None:
    """Half of it waits."""
    shipping = room.shipping()
    room.write(HEAD + line(1) + line(2)[:9])
    shipping.ship()
    first = room.brought()
    room.write(line(2)[9:])
    shipping.ship()

    assert (first, room.brought()) == ([1.0], [1.0, 2.0])


def test_what_reads_like_the_log_is_the_log(room: Room) -> None:
    """Rows, columns and order."""
    room.write(HEAD + b"".join(map(line, range(5))))
    room.shipping().ship()
    bring(room.store, WHERE, room.back, *ALWAYS)

    assert read(room.back).equals(read(room.log))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=6), st.sampled_from([1, 60, 10_000]))
def test_every_line_is_there_once_whoever_was_killed(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[int, bool]], piece: int
) -> None:
    """A container that starts anew finds out by itself what the one before it sent; pieces of any size."""
    room, written = Room(tmp_path_factory.mktemp("room")), 0
    room.write(HEAD)
    shipping = room.shipping()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "PIECE_BYTES", piece)
        for lines, killed in rounds:
            room.write(b"".join(line(written + one) for one in range(lines)))
            written += lines
            shipping = room.shipping() if killed else shipping
            shipping.ship()

    assert room.brought() == [float(one) for one in range(written)]


def test_only_the_days_that_are_asked_for_are_brought(room: Room) -> None:
    """A service that has answered for years has a week measured, not its years."""
    content = HEAD + line(1)
    for day in ("2013-04-30", "2013-05-01", "2013-05-07", "2013-05-08"):
        room.store.put(Uri(f"{WHERE}/{day}/model-1-2-000000000001.jsonl"), content)
    bring(room.store, WHERE, room.back, "2013-05-01", "2013-05-07")

    assert sorted(path.name for path in room.back.iterdir()) == ["2013-05-01", "2013-05-07"]
    assert answers.days(room.store, WHERE) == {"2013-04-30", "2013-05-01", "2013-05-07", "2013-05-08"}


def test_a_name_that_is_no_piece_is_not_brought(room: Room) -> None:
    """Nothing in a bucket chooses where a file is written."""
    for name in ("../../out.jsonl", "2013-05-01/x.txt", "notes.jsonl"):
        if ".." not in name:
            room.store.put(Uri(f"{WHERE}/{name}"), b"x")
    bring(room.store, WHERE, room.back, *ALWAYS)

    assert list(room.back.rglob("*")) == []
    assert answers.days(room.store, WHERE) == set()


def test_a_pod_that_ends_sends_its_last_answers(room: Room) -> None:
    """The server drains after the sidecar was asked to end too."""
    room.write(HEAD + line(1))
    command = [sys.executable, "-m", "headgate", "ship", "--log-dir", str(room.log), "--name", "orders", "-e", "prod"]
    store = ["--store", f"file://{room.store.root}", "--every", "600", "--quiet", "1.5", "--delete"]
    with subprocess.Popen([*command, *store]) as process:
        until(lambda: room.brought() == [1.0] and not room.file.exists())
        room.file.parent.mkdir()
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.3)
        room.file = room.file.with_name("model-1-3.jsonl")
        room.write(HEAD + line(2))
        ended = process.wait(timeout=60)

    assert (ended, room.brought(), answers.files(room.log)) == (0, [1.0, 2.0], [])


def until(holds: object, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_no_piece_is_empty(room: Room) -> None:
    """What did not grow is not sent."""
    room.write(HEAD + line(1))
    shipping = room.shipping()
    shipping.ship()

    assert shipping.ship() == 0
    assert len(room.store.uris(WHERE)) == 1
    assert isinstance(read(room.log), pl.DataFrame)
