"""A model that another process answers for may be away: messages wait for it, and none becomes a dead letter."""

import json
from pathlib import Path

import pytest

from fakes.predictor import answering
from headgate.errors import TransientError
from headgate.models import saved
from headgate.models.loading import Loaded
from headgate.serve.model.predictor import Predictor
from headgate.stream.answering import Answering
from unit.models.owned import PREDICTOR
from unit.stream.conftest import STREAM
from unit.stream.messages import kind, message, request


@pytest.mark.parametrize("count", [1, 3])
def test_messages_wait_for_a_model_that_is_away(
    count: int, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream is told to try again, and commits nothing; a message at fault is a dead letter as ever."""
    (tmp_path / "predictor.json").write_text(json.dumps(PREDICTOR))
    sent = [message(request(), place) for place in range(count)]
    at_fault = message(request(seats=7), count)
    with answering() as own:
        monkeypatch.setenv("HEADGATE_PREDICTOR", own.address)
        own.weights = (0.1, 0.01, 0.02)
        signature, sha256 = predictor.loaded.signature, predictor.loaded.sha256
        loaded = Loaded(signature, saved.read(tmp_path), sha256)
        answers = Answering(Predictor(loaded, predictor.spec, predictor.function, predictor.door), STREAM)
        good = answers.letters([*sent, at_fault])

    with pytest.raises(TransientError, match="does not answer"):
        answers.letters(sent)
    with answering(own.server_address[1]) as back:
        back.weights = (0.1, 0.01, 0.02)
        again = answers.letters([*sent, at_fault])

    assert [*[""] * count, "model"] == [kind(letter) for letter in good]
    assert good == again
