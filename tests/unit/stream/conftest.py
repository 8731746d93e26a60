"""A small service and its model, as the server's tests make them."""

import pytest

from headgate.adapters.usercode import load as load_function
from headgate.models.loading import load
from headgate.serve.door.admission import Door
from headgate.serve.model.predictor import Predictor
from headgate.specs.contract import Contract
from headgate.specs.reading import read
from headgate.specs.service import Service
from headgate.specs.stream import Streaming
from headgate.stream.answering import Answering
from unit.serve.running import World, world

STREAM = Streaming(folder="topics", requests="requests", answers="answers", dead_letters="dead")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the service's folder."""
    return world(tmp_path_factory.mktemp("rides"))


@pytest.fixture(scope="module")
def predictor(made: World) -> Predictor:
    """Return the model at work, with the owner's function."""
    spec, contract = read(made.folder / "service.yaml", Service), read(made.folder / "contract.yaml", Contract)
    function = load_function(str(spec.data.features), made.folder)
    return Predictor(load(made.model, made.sha256), spec, function, Door(contract, spec))


@pytest.fixture(scope="module")
def answering(predictor: Predictor) -> Answering:
    """Return what answers messages."""
    return Answering(predictor, STREAM)
