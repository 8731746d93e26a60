"""What is told of a stream: counters with their names, lines without payloads."""

import json
from pathlib import Path

from headgate import measures
from headgate.errors import TransientError
from headgate.serve.logs.recorder import Recorder
from headgate.serve.model.predictor import Predictor
from headgate.serve.setup.preparing import segment_of
from headgate.stream.answering import Answering
from headgate.stream.telling import Telling
from unit.stream.conftest import STREAM
from unit.stream.messages import message, request


def telling() -> tuple[Telling, list[str]]:
    said: list[str] = []
    return Telling("rides", "abc", "requests", said.append), said


def value(told: Telling, name: str, **labels: str) -> float | None:
    return told.registry.get_sample_value(name, {"service": "rides", **labels})


def test_messages_are_counted_by_what_became_of_them(answering: Answering) -> None:
    """Answered, or dead by why."""
    told, _ = telling()

    told.done(answering.letters([message(request()), message(b"x", 1), message(b"y", 2), message(None, 3)]))

    assert [1, 3] == [value(told, measures.STREAM_MESSAGES, model="abc", outcome=one) for one in ("answered", "dead")]
    assert [2, 1, None] == [
        value(told, measures.STREAM_DEAD, model="abc", reason=one) for one in ("malformed", "tombstone", "contract")
    ]


def test_lines_tell_of_the_first_dead_letter_of_each_kind_and_never_what_was_in_it(answering: Answering) -> None:
    """A flood of bad messages is no flood of lines; its reason, which quotes it, stands in the dead letter alone."""
    told, said = telling()

    told.done(answering.letters([message(request(city="secret-city"), place) for place in range(50)]))
    told.ended()

    first, last = (json.loads(line) for line in said)
    assert ("dead_letter", "contract", "requests/0/0") == (first["event"], first["reason"], first["key"])
    assert ("stream_ended", 0, 50) == (last["event"], last["answered"], last["dead"])
    assert "secret-city" not in "".join(said)


def test_what_waits_is_told_of_the_partitions_this_process_has_now() -> None:
    """One that went to another process is that one's to tell."""
    told, said = telling()

    told.lag({0: 5, 1: 7}, lost=0)
    told.lag({1: 2}, lost=3)

    assert [None, 2] == [value(told, measures.STREAM_LAG, topic="requests", partition=one) for one in "01"]
    assert value(told, measures.STREAM_LOST, topic="requests") == 3
    assert ["messages_lost"] == [json.loads(line)["event"] for line in said]


def test_away_is_a_state_and_a_count() -> None:
    """1 until something went well again: topics that open and then fail at each message are away as well."""
    told, _ = telling()
    found = []

    for step in (
        told.opened,
        lambda: told.away(TransientError("gone"), 1),
        lambda: told.away(TransientError("gone"), 2),
        told.opened,
        lambda: told.away(TransientError("gone"), 2),
        told.opened,
        lambda: told.done([]),
    ):
        step()
        found.append((value(told, measures.STREAM_AWAY), value(told, measures.STREAM_FAILURES)))

    assert [(0, 0), (1, 1), (1, 2), (1, 2), (1, 3), (1, 3), (0, 3)] == found


def test_a_log_that_cannot_be_written_is_said_once_and_what_is_given_up_is_counted(
    predictor: Predictor, tmp_path: Path
) -> None:
    """Messages are answered all the same, and the lines wait."""
    recorder = Recorder(tmp_path / "log", segment_of(predictor, predictor.door, predictor.loaded.sha256))
    answering = Answering(predictor, STREAM, recorder)
    told, said = telling()
    told.recorder = recorder
    (tmp_path / "log").rmdir()
    (tmp_path / "log").touch()

    for place in range(2):
        told.done(answering.letters([message(request(), place)]))
    recorder.lost = 3
    told.done(answering.letters([message(request(), 2)]))

    [line] = [json.loads(one) for one in said]
    assert ("log_waits", True) == (line["event"], str(tmp_path) in line["why"])
    assert [3, 3] == [
        value(told, measures.LOG_LOST),
        value(told, measures.STREAM_MESSAGES, model="abc", outcome="answered"),
    ]
