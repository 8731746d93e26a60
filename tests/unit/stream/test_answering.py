"""Message → letter: the server's own answer, or the message itself with the reason, and always the same bytes."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.serve.logs.recorder import Recorder
from headgate.serve.model.predictor import Predictor
from headgate.serve.setup.preparing import segment_of
from headgate.stream.answering import Answering
from unit.serve.running import World, changed, rides, running, tensor
from unit.stream.conftest import STREAM
from unit.stream.messages import headers, kind, message, request

NAN = b'{"inputs": [{"name": "rider", "shape": [1], "datatype": "INT64", "data": [NaN]}]}'
BODIES = {
    "one row": request("a"),
    "many rows": request("b", count=40),
    "an id of its own words": request('züri/1 "x"'),
    "the label asked for": json.dumps({**rides(), "id": "c", "outputs": [{"name": "label"}]}).encode(),
    "both asked for": json.dumps(
        {**rides(), "id": "c", "outputs": [{"name": "label"}, {"name": "probability"}]}
    ).encode(),
    "an output that is not there": json.dumps({**rides(), "id": "d", "outputs": [{"name": "nope"}]}).encode(),
    "contributions, which it has not": json.dumps({**rides(), "outputs": [{"name": "contributions"}]}).encode(),
    "an unknown city": request("e", city="atlantis"),
    "too many seats": request("f", seats=99),
    "a missing input": json.dumps({"id": "g", "inputs": rides()["inputs"][:-1]}).encode(),
    "an unknown input": json.dumps({"inputs": [*rides()["inputs"], tensor("colour", "BYTES", ["red"])]}).encode(),
    "a time that is none": json.dumps(changed(rides(), "at", data=["2024-02-30T00:00:00"])).encode(),
    "another datatype": json.dumps(changed(rides(), "seats", datatype="BYTES", data=["2"])).encode(),
    "not JSON": b"nonsense",
    "half of it": request("h")[:-20],
    "NaN": NAN,
    "no object": b"[1, 2]",
    "empty": b"",
    "no inputs": b'{"inputs": []}',
    "deep": b'{"inputs": ' + b"[" * 5000,
    "binary, with no header to say so": json.dumps(
        changed(rides(), "distance", data=None, parameters={"binary_data_size": 8})
    )
    .replace('"data": null, ', "")
    .encode(),
    "no text": bytes(range(256)),
}


def test_a_message_is_answered_with_the_bytes_that_the_server_gives(made: World, answering: Answering) -> None:
    """Each body is sent to both; what the server refuses is a dead letter, for the reason that the server gives."""
    with running(made.options(log_dir=None)) as server:
        said = {name: server.infer(body) for name, body in BODIES.items()}

    letters = answering.letters([message(body, place) for place, body in enumerate(BODIES.values())])

    for (name, body), letter in zip(BODIES.items(), letters, strict=True):
        if said[name].status == 200:
            expected = said[name].json | {"id": letter.key.decode()}
            assert (STREAM.answers, expected) == (letter.topic, json.loads(letter.value)), name
            assert not json.loads(body).get("id") or said[name].body == letter.value, name
        else:
            assert (STREAM.dead_letters, body) == (letter.topic, letter.value), name
            assert said[name].json["error"][:1000] == headers(letter)["headgate-reason"], name


def test_the_key_of_an_answer_is_the_requests_id(answering: Answering) -> None:
    """Where it has none, or an empty one, its place is the id: for ever the same, and no other message's."""
    found = answering.letters([message(request(id_), place) for place, id_ in enumerate(["mine", None, ""])])

    assert [b"mine", b"requests/0/1", b"requests/0/2"] == [letter.key for letter in found]
    assert ["mine", "requests/0/1", "requests/0/2"] == [json.loads(letter.value)["id"] for letter in found]


DEAD: dict[str, tuple[bytes | None, str]] = {
    "not JSON": (b"nonsense", "malformed"),
    "another protocol": (b'{"instances": [1]}', "malformed"),
    "the contract": (request(city="atlantis"), "contract"),
    "tombstone": (None, "tombstone"),
    "the owner's function": (request(seats=7), "model"),
}


@pytest.mark.parametrize("case", DEAD)
def test_what_cannot_be_answered_is_a_dead_letter_with_its_bytes_and_place(answering: Answering, case: str) -> None:
    """A person finds the message at its source, knows why, and can send the same bytes again."""
    value, expected = DEAD[case]

    (letter,) = answering.letters([message(value, 42, key=b"k", trace=b"1")])

    assert (STREAM.dead_letters, b"requests/0/42", value or b"") == (letter.topic, letter.key, letter.value)
    said = headers(letter)
    assert said.pop("headgate-reason")
    assert {
        "trace": "1",
        "headgate-source": "requests/0/42",
        "headgate-model": answering.model,
        "headgate-kind": expected,
        "headgate-key": "k",
    } == said


def test_more_rows_than_the_server_answers_are_refused(predictor: Predictor) -> None:
    """In the server's words; a message of many rows is work for `headgate score`."""
    few = Answering(predictor, STREAM)
    few.most_rows = 2

    fits, refused = few.letters([message(request("a", count=2)), message(request("b", count=3))])

    assert ["", "malformed"] == [kind(fits), kind(refused)]
    assert headers(refused)["headgate-reason"] == "the request has 3 rows; at most 2 are answered at a time"


def test_headers_stay_with_the_answer_and_none_of_ours_is_taken_from_outside(answering: Answering) -> None:
    """A trace goes on; who writes `headgate-kind` to the requests makes nothing look dead."""
    (letter,) = answering.letters([message(request("a"), 7, traceparent=b"00-1", **{"Headgate-Kind": b"x"})])

    assert {"traceparent": "00-1", "headgate-source": "requests/0/7", "headgate-model": answering.model} == headers(
        letter
    )


VALUES = st.one_of(
    st.builds(
        request,
        st.none() | st.sampled_from("abc"),
        count=st.integers(1, 5),
        rider=st.integers(1, 10**6),
        distance=st.none() | st.floats(-1e6, 1e6),
        seats=st.sampled_from([1, 2, 6, 7, 8, 9]),
        city=st.sampled_from(["berne", "zürich", "atlantis"]),
    ),
    st.none(),
    st.binary(max_size=20),
    st.sampled_from(list(BODIES.values())),
)


@settings(max_examples=25)
@given(values=st.lists(VALUES, min_size=1, max_size=12), rows=st.integers(1, 12))
def test_a_message_has_the_same_letter_whatever_comes_beside_it(
    predictor: Predictor, values: list[bytes | None], rows: int
) -> None:
    """To the last bit, in one call or many, beside poison or not: duplicates after a crash are equal."""
    answering = Answering(predictor, replace(STREAM, batch_rows=rows))
    sent = [message(value, place) for place, value in enumerate(values)]

    together = answering.letters(sent)

    assert together == [answering.letters([one])[0] for one in sent]


def test_what_was_answered_is_in_the_prediction_log_before_it_is_written(
    made: World, predictor: Predictor, tmp_path: Path
) -> None:
    """The log of a stream is as complete as its answers; dead letters are not in it."""
    recorder = Recorder(tmp_path, segment_of(predictor, predictor.door, made.sha256))

    Answering(predictor, STREAM, recorder).letters([message(request("a", count=3)), message(b"nonsense", 1)])

    lines = [line for file in tmp_path.rglob("*.jsonl") for line in file.read_text().splitlines()]
    assert [3] == [len(json.loads(line)["scores"]) for line in lines[1:]]


def test_a_letter_that_is_too_long_for_its_topic_is_said_in_fewer_bytes(answering: Answering) -> None:
    """An answer becomes a dead letter, that one its reason and place; nothing is shorter than this."""
    sent = message(request("a"), 3, trace=b"1")
    (answer,) = answering.letters([sent])

    dead = answering.shorter(sent, answer)
    assert dead is not None
    cut = answering.shorter(sent, dead)
    assert cut is not None

    assert ("too_long", sent.value) == (kind(dead), dead.value)
    assert ("too_long", b"", str(len(sent.value or b""))) == (kind(cut), cut.value, headers(cut)["headgate-cut"])
    assert "trace" not in headers(cut)
    assert dead.key == cut.key == b"requests/0/3"
    assert answering.shorter(sent, cut) is None
