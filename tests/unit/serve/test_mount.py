"""The same door in an application of one's own: real FastAPI, real requests, the server's answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest
from fastapi import FastAPI

from headgate.errors import PermanentError
from headgate.models.loading import load
from headgate.serve.door.limits import Limits
from headgate.serve.logs.prediction_log import read
from headgate.serve.mount import Mounted
from unit.serve.hosting import hosted
from unit.serve.running import World, changed, rides, world

INFER = "/v2/models/rides/infer"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A packaged model with its service."""
    return world(tmp_path_factory.mktemp("mounted"))


@pytest.fixture(scope="module", params=["", "/ml/models"])
def client(made: World, request: pytest.FixtureRequest) -> Iterator[tuple[httpx.Client, str]]:
    """A FastAPI application with a page of its own, and the model mounted at the root or deep below it."""
    app = FastAPI()

    @app.get("/own")
    def own() -> dict[str, str]:
        return {"whose": "mine"}

    app.mount(request.param or "/", Mounted(made.options(limits=Limits(body_bytes=50_000))))
    with hosted(app) as client:
        yield client, request.param


def test_bad_requests_get_the_servers_refusals_and_the_next_good_one_its_answer(
    client: tuple[httpx.Client, str], made: World
) -> None:
    """400 with the input named, 413 before it is parsed; then the model's own number."""
    asked, at = client
    url = at + INFER

    unseen = asked.post(url, json=changed(rides(), "city", data=["basel"]))
    long = asked.post(url, content=b" " * 60_000)
    good = asked.post(url, json=rides())

    assert (400, 413, 200) == (unseen.status_code, long.status_code, good.status_code)
    assert "input 'city' has 'basel'" in unseen.json()["error"]
    assert good.headers["headgate-model"] == made.sha256[:12]
    assert good.json()["outputs"][0]["name"] == "probability"


def test_the_applications_own_pages_stay_its_own(client: tuple[httpx.Client, str]) -> None:
    """And the model's health, metadata, metrics and V1 are where it is mounted."""
    asked, at = client

    assert {"whose": "mine"} == asked.get("/own").json()
    assert asked.get(f"{at}/v2/health/ready").json() == {"name": "rides", "ready": True}
    assert asked.get(f"{at}/v2/models/rides").json()["name"] == "rides"
    assert 'headgate_requests_total{code="' in asked.get(f"{at}/metrics").text
    row = {item["name"]: item["data"][0] for item in rides()["inputs"]}
    assert len(asked.post(f"{at}/v1/models/rides:predict", json={"instances": [row]}).json()["predictions"]) == 1


def test_what_nobody_answers_is_told_in_the_protocols_words(client: tuple[httpx.Client, str]) -> None:
    """Below the mount; the rest is the application's."""
    asked, at = client

    assert asked.get(f"{at}/v2/models/ride").json()["error"].startswith("no model 'ride' here")


def test_an_answer_is_in_the_prediction_log_before_it_is_given(made: World) -> None:
    """No task of ours runs in a foreign server that could write it later."""
    app = FastAPI()
    app.mount("/", Mounted(made.options(log_dir=made.folder / "mounted-log")))

    with hosted(app) as asked:
        answer = asked.post(INFER, json=rides(2)).json()

    assert read(made.folder / "mounted-log")["prediction"].to_list() == answer["outputs"][0]["data"]


def test_overload_is_shed_by_what_the_mount_itself_holds(made: World) -> None:
    """The count is of this model's requests, and goes down again."""
    mounted = Mounted(made.options(limits=Limits(in_flight=0)))
    app = FastAPI()
    app.mount("/", mounted)

    with hosted(app) as asked:
        answer = asked.post(INFER, json=rides())

    assert (503, "1") == (answer.status_code, answer.headers["retry-after"])
    assert 0 == mounted.app.places.held


def test_a_swapped_model_is_never_mounted(made: World, tmp_path: Path) -> None:
    """The digest is checked before anything is read."""
    other = world(tmp_path, task="regression")

    with pytest.raises(PermanentError, match="sha256"):
        Mounted(made.options(model=other.model))


def test_it_predicts_what_the_loaded_model_does(client: tuple[httpx.Client, str], made: World) -> None:
    """Not merely something: the same floats."""
    asked, at = client

    features = pl.DataFrame({"city": ["zürich"], "distance": [1.5], "hour": [8]})

    answer = asked.post(at + INFER, content=json.dumps(rides()))

    assert answer.json()["outputs"][0]["data"] == load(made.model, made.sha256).predict(features).tolist()
