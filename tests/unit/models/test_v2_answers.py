"""What a predictor of the owner's own answers is believed only within bounds of time, size, shape and value."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.predictor import LENGTH, Handler, Predictor
from headgate.errors import PermanentError, TransientError
from headgate.models import v2
from headgate.models.v2_words import numbers
from headgate.specs.predictor import described
from unit.models.owned import PREDICTOR, X, opened, packed, refused, signature


def spoiled(**changed: Any) -> Callable[[Handler, dict[str, Any]], bool]:
    """Return a spoiler that answers with other JSON; `y` changes the output alone."""

    def spoil(handler: Handler, answer: dict[str, Any]) -> bool:
        mine = {key: value for key, value in changed.items() if key != "y"}
        y = {"name": "y", "datatype": "FP64", "shape": [3], "data": [0.1, 0.2, 0.3], **changed.get("y", {})}
        handler.answer({**answer, "outputs": [y], **mine}, b"")
        return True

    return spoil


def sent(
    status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> Callable[[Handler, dict[str, Any]], bool]:
    def spoil(handler: Handler, answer: dict[str, Any]) -> bool:
        handler.send(status, body, dict(headers or {}))
        return True

    return spoil


def torn(handler: Handler, answer: dict[str, Any]) -> bool:
    """Hang up in the middle of an answer."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    handler.close_connection = True
    return True


def raw(content: bytes) -> Callable[[Handler, dict[str, Any]], bool]:
    def spoil(handler: Handler, answer: dict[str, Any]) -> bool:
        handler.wfile.write(content)
        handler.close_connection = True
        return True

    return spoil


BAD = {
    "other model": (spoiled(model_name="theirs"), "answered by model 'theirs', asked was 'own'"),
    "other version": (spoiled(model_version="4"), "answered by version '4' of 'own', asked was '3'"),
    "no version": (spoiled(model_version=None), "answered by version 'None'"),
    "no output": (spoiled(outputs=[]), "without output 'y'"),
    "other output": (spoiled(y={"name": "z"}), "without output 'y'"),
    "other datatype": (spoiled(y={"datatype": "FP32"}), "is FP32, predictor.json says FP64"),
    "fewer rows": (spoiled(y={"shape": [2], "data": [0.1, 0.2]}), "has shape [2], expected [3, 1] or [3, 2]"),
    "three columns": (spoiled(y={"shape": [3, 3], "data": [0.1] * 9}), "has shape [3, 3]"),
    "a scalar": (spoiled(y={"shape": [], "data": [0.1]}), "has shape []"),
    "fewer numbers": (spoiled(y={"data": [0.1, 0.2]}), "has 2 numbers, its shape [3] says 3"),
    "words": (spoiled(y={"data": ["a", "b", "c"]}), "has no list of numbers"),
    "null": (spoiled(y={"data": [0.1, None, 0.2]}), "has no list of numbers"),
    "NaN": (spoiled(y={"data": [0.1, float("nan"), 0.2]}), "is not as in V2"),
    "infinity": (spoiled(y={"data": [0.1, 1e999, 0.2]}), "is not as in V2"),
    "no probability": (spoiled(y={"data": [0.1, 1.5, 0.2]}), "answered 1.5, which is no probability"),
    "bytes left over": (spoiled(y={"parameters": {"binary_data_size": 24}}), "0 bytes behind the JSON, which says 24"),
    "negative size": (spoiled(y={"parameters": {"binary_data_size": -8}}), "is not as in V2"),
    "a long head": (sent(200, b"{}", {LENGTH: "999"}), "'999' of 2 bytes"),
    "a head of words": (sent(200, b"{}", {LENGTH: "-1"}), "'-1' of 2 bytes"),
    "no JSON": (sent(200, b"<html>"), "is not as in V2"),
    "other JSON": (sent(200, b"[1]"), "is not as in V2"),
    "deep JSON": (sent(200, b"[" * 60_000), "is not as in V2"),
    "too long": (sent(200, b" " * 100_000), "answered more than"),
    "HTTP 500": (sent(500, b'{"error": "out of memory"}'), "with 500: out of memory"),
    "HTTP 400": (sent(400, b"no"), "with 400: no"),
    "a redirect": (sent(302, b"", {"Location": "http://169.254.169.254/"}), "that is never followed"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH\r\n"), "speaks no HTTP"),
    "endless headers": (raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500), "speaks no HTTP"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_answer_is_refused_by_what_is_wrong_and_the_next_good_one_counts(
    name: str, server: Predictor, tmp_path: Path
) -> None:
    """It is permanent: the same rows would get the same; no other place is asked."""
    spoil, expected = BAD[name]
    loaded = opened(packed(tmp_path))
    server.spoil = spoil

    assert expected in refused(lambda: loaded.predict_matrix(X[:3]))

    server.spoil = None
    np.testing.assert_allclose(server.predicted(X[:3]), loaded.predict_matrix(X[:3]))


def test_bytes_that_are_no_numbers_are_refused_too(server: Predictor, tmp_path: Path) -> None:
    """NaN has a place in bytes, and JSON has none for it."""
    loaded = opened(packed(tmp_path))
    server.predicted = lambda x: np.array([0.1, np.nan, 0.2])  # type: ignore[method-assign]

    assert "answered NaN or infinity for row 1" in refused(lambda: loaded.predict_matrix(X[:3]))


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_predictor_that_says_later_is_asked_later(status: int, server: Predictor, tmp_path: Path) -> None:
    """A retry may help, and is nobody's here."""
    loaded = opened(packed(tmp_path))
    server.spoil = sent(status, b"busy")
    server.asked.clear()

    assert f"got {status}: busy" in refused(lambda: loaded.predict_matrix(X[:3]), TransientError)
    assert [3] == server.asked


def test_a_predictor_that_hangs_up_is_tried_on_one_new_connection(server: Predictor, tmp_path: Path) -> None:
    """It may have closed while nobody asked; twice is no chance."""
    loaded = opened(packed(tmp_path))
    server.spoil = torn
    server.asked.clear()

    said = refused(lambda: loaded.predict_matrix(X[:3]), TransientError)

    assert "hangs up" in said
    assert [3, 3] == server.asked


def test_a_slow_predictor_has_a_deadline_however_it_is_slow(
    server: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then counts as silence."""
    monkeypatch.setattr(v2, "SECONDS", 0.3)
    loaded = opened(packed(tmp_path))

    def dripping(handler: Handler, answer: dict[str, Any]) -> bool:
        for _ in range(20):
            handler.wfile.write(b"H")
            time.sleep(0.05)
        return True

    server.spoil = dripping
    began = time.monotonic()

    said = refused(lambda: loaded.predict_matrix(X[:3]), TransientError)

    assert "takes too long" in said
    assert time.monotonic() - began < 0.9


ANSWER = {
    "model_name": "own",
    "model_version": "3",
    "outputs": [{"name": "y", "datatype": "FP64", "shape": [2], "data": [0.25, 0.75]}],
}
IMAGE_TOLD = described(json.dumps(PREDICTOR))
SCRAPS = st.sampled_from(
    [b"", b"null", b"-1", b"1e999", b'"y"', b"[", b"]", b"{", b"\xff", b"0.5,", b"FP32", b"9" * 30]
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Return an answer with pieces cut out and others put in."""
    made = json.dumps(ANSWER).encode() + np.array([0.25, 0.75]).tobytes() * draw(st.integers(0, 1))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(made)))
        made = made[:start] + draw(SCRAPS) + made[start + draw(st.integers(0, 12)) :]
    return made


@settings(max_examples=300)
@given(body=spoilt() | st.binary(max_size=80), length=st.none() | st.sampled_from(["0", "2", "137", "138", "x", "٣"]))
def test_whatever_a_predictor_answers_is_two_probabilities_or_a_permanent_error(
    body: bytes, length: str | None
) -> None:
    """Nothing else comes out of it, be it an error of another kind."""
    try:
        found = numbers(body, length, IMAGE_TOLD, signature(), 2)
    except PermanentError:
        return

    assert found.shape in {(2, 1), (2, 2)}
    assert ((found >= -1e-6) & (found <= 1 + 1e-6)).all()
