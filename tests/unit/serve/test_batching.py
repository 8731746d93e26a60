"""Requests that are computed together: each gets the answer it would have got alone, and is kept as it would be."""

import asyncio
import json
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightgbm
import msgspec
import numpy as np
import pytest
import xgboost

from headgate.models import package
from headgate.models.packed import FILES, Packed
from headgate.serve.experiment.divided import ExperimentOptions
from headgate.serve.grpc.listener import Call
from headgate.serve.grpc.messages import InferRequest
from headgate.serve.http.answer import Answer
from headgate.serve.http.app import App
from headgate.serve.http.batching import BATCH_ROWS, SMALL_ROWS, Batching
from headgate.serve.protocols.dialect import Dialect
from headgate.serve.setup.preparing import prepare
from unit.counting import Counting
from unit.serve.running import World, changed, network, rides, world
from unit.serve.second import second

V2 = "/v2/models/rides/infer"
V1 = "/v1/models/rides:predict"
FUNCTION = """
    import polars as pl

    CALLS = []
    MOOD = {"lies": False}


    def features(rows, as_of):
        CALLS.append(rows.height)
        if (rows["seats"] == 7).any():
            raise ValueError("seven seats are one too many")
        if (rows["seats"] == 5).any():
            raise pl.exceptions.PanicException("five seats")
        distance = pl.col("distance") * (rows.height if MOOD["lies"] else 1)
        price = distance - pl.when(pl.col("member").is_null()).then(0.25).when("member").then(0.5).otherwise(0.75)
        return rows.select("city", distance=price, hour=pl.col("at").dt.hour())
"""


@pytest.fixture
def made(tmp_path: Path) -> World:
    """A model behind a function that counts its calls, refuses seven seats, and lies when it is told to."""
    one = world(tmp_path)
    (tmp_path / "rides_features.py").write_text(textwrap.dedent(FUNCTION))
    return one


@pytest.fixture
def app(made: World) -> App:
    """An application that nobody has asked yet."""
    served = prepare(made.options(), made.sha256)
    theirs().CALLS.clear()
    return App(msgspec.structs.replace(served, recorder=None), made.options().limits)


def theirs() -> Any:
    """Return the module of the owner's function."""
    return sys.modules["rides_features"]


def batching_of(app: App) -> Batching:
    assert app.batching is not None
    return app.batching


async def ask(app: App, body: Any, dialect: Dialect | None = None) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def read() -> bytes:
        return content

    return await app.respond(read, dialect or app.dialects[V2])


def together(app: App, bodies: Sequence[Any]) -> list[Answer]:
    """Return the answers to requests of one turn of the loop."""

    async def all_of_them() -> list[Answer]:
        return list(await asyncio.gather(*(ask(app, body) for body in bodies)))

    return asyncio.run(all_of_them())


def one_by_one(app: App, bodies: Sequence[Any]) -> list[Answer]:
    return [answer for body in bodies for answer in together(app, [body])]


def test_one_that_fails_fails_alone(app: App) -> None:
    """The function refuses it, so that nothing comes of the batch; each of the others is answered all the same."""
    bodies = [rides(), changed(rides(), "seats", data=[7]), rides(2), b"{", changed(rides(), "city", data=["basel"])]

    found = together(app, bodies)

    assert [answer.code for answer in found] == [200, 500, 200, 400, 400]
    assert found == one_by_one(app, bodies)
    assert batching_of(app).requests == 3


def test_a_panic_of_polars_is_one_requests_failure(app: App) -> None:
    """It is no Exception, and still takes nobody's answer with it."""
    found = together(app, [rides(), changed(rides(), "seats", data=[5]), rides()])

    assert [answer.code for answer in found] == [200, 500, 200]


def test_a_score_that_is_no_number_fails_alone(tmp_path: Path) -> None:
    """The model is asked request by request: what it says of one says nothing of another."""
    made = world(tmp_path, "regression")
    model, sha256 = second(made, task="regression", turn=1e37)
    options = made.options(model=model, sha256=sha256, log_dir=None)
    app = App(prepare(options, sha256), options.limits)
    bodies = [rides(), changed(rides(), "distance", data=[1e5]), rides(2), changed(rides(), "distance", data=[1e3])]

    found = together(app, bodies)

    assert [answer.code for answer in found] == [200, 500, 200, 200]
    assert found == one_by_one(app, bodies)
    assert batching_of(app).requests == 4


def test_an_output_that_nobody_has_is_refused_alone(app: App) -> None:
    """Also contributions, which this model has none of."""
    wanted = [{**rides(), "outputs": [{"name": name}]} for name in ("label", "contributions", "median", "probability")]

    found = together(app, wanted)

    assert [answer.code for answer in found] == [200, 400, 400, 200]
    assert found == one_by_one(app, wanted)


def test_a_function_that_turns_out_to_look_at_other_rows_is_asked_row_by_row_from_then_on(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    """One request of some batches is computed alone as well; nobody gets what was made of it together."""
    bodies = [rides(rider=place) for place in range(4)]
    expected = one_by_one(app, bodies)
    theirs().MOOD["lies"] = True

    first, second = together(app, bodies), together(app, bodies)

    assert first == second == expected
    assert not batching_of(app).is_on
    assert batching_of(app).batches == 1
    assert capsys.readouterr().err.count("from now on requests are computed one by one") == 1
    assert b'headgate_batching{model="%b",service="rides"} 0.0' % app.version.encode() in app.served.meters.text()


def test_requests_of_one_turn_cost_one_call(app: App) -> None:
    """Whatever their protocol, and however many rows each has."""
    message = InferRequest(model_name="rides")
    for item in rides()["inputs"]:
        made = message.inputs.add(name=item["name"], datatype=item["datatype"], shape=item["shape"])
        field = {"INT64": "int64_contents", "BYTES": "bytes_contents", "FP64": "fp64_contents"}[item["datatype"]]
        values = [value.encode() if isinstance(value, str) else value for value in item["data"]]
        getattr(made.contents, field).extend(values)
    instance = {item["name"]: item["data"][0] for item in rides()["inputs"]}
    batching_of(app).batches = 2  # the third is not tried

    async def all_of_them() -> list[Answer]:
        return await asyncio.gather(
            ask(app, rides()),
            ask(app, rides(3)),
            ask(app, {"instances": [instance, instance]}, app.dialects[V1]),
            ask(app, message.SerializeToString(), Call(app).dialect),
        )

    found = asyncio.run(all_of_them())

    assert [answer.code for answer in found] == [200] * 4
    assert theirs().CALLS == [7]


def test_one_that_comes_alone_is_computed_alone(app: App) -> None:
    """As it would be without a word of batches."""
    one_by_one(app, [rides(), rides(2)])

    assert theirs().CALLS == [1, 2]
    assert batching_of(app).batches == 0


def test_what_is_large_goes_its_own_way(app: App) -> None:
    """Nobody waits for more than a batch may hold; none is empty, none is split."""
    together(app, [rides(SMALL_ROWS + 1), *[rides(SMALL_ROWS)] * 5, rides(1)])

    full = BATCH_ROWS // SMALL_ROWS
    assert SMALL_ROWS + 1 in theirs().CALLS
    assert batching_of(app).requests == full + 2
    assert {full * SMALL_ROWS, SMALL_ROWS + 1} <= {*theirs().CALLS}
    assert max(theirs().CALLS) == BATCH_ROWS


def test_who_leaves_while_waiting_leaves_the_others_theirs(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """A host that cancels a request, in its own application or over gRPC."""

    async def some_leave() -> list[Any]:
        tasks = [asyncio.create_task(ask(app, rides(rider=place))) for place in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, gone, third = asyncio.run(some_leave())

    assert (first.code, third.code) == (200, 200)
    assert isinstance(gone, asyncio.CancelledError)
    assert app.places.held == 0
    assert capsys.readouterr().err == ""


def test_a_loop_that_ended_holds_up_no_other(app: App) -> None:
    """In somebody else's application each test may have a loop of its own."""
    loop = asyncio.new_event_loop()
    left = loop.create_task(ask(app, rides()))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert batching_of(app).open is not None

    found = together(app, [rides(), rides()])

    assert [answer.code for answer in found] == [200, 200]
    left.cancel()
    loop.run_until_complete(asyncio.wait([left]))
    loop.close()


def test_an_optional_input_that_only_some_send_is_null_for_the_others(app: App) -> None:
    """And what is kept of each is what it sent."""
    seen: list[tuple[int, list[str]]] = []

    class Looking:
        def offer(self, rows: Any, scores: Any) -> None:
            seen.append((len(scores), sorted(rows.columns)))

        def fold(self, pause: Any) -> None:
            pass

    app.served.background.observers = (Looking(),)  # type: ignore[assignment]
    with_member = {**rides(2), "inputs": [*rides(2)["inputs"], member([True, None])]}
    bodies = [rides(), with_member, rides(3)]

    found = together(app, bodies)

    plain = ["at", "city", "distance", "rider", "seats"]
    assert seen == [(1, plain), (2, sorted([*plain, "member"])), (3, plain)]
    assert found == one_by_one(app, bodies)


def test_each_model_of_an_experiment_gets_its_own_features(made: World) -> None:
    """The second may have been fitted on them in another order."""
    signature = package.read_signature(made.model)
    turned = msgspec.structs.replace(signature, features=signature.features[::-1])
    sha256 = package.write(made.folder / "second", network("binary"), turned, {})
    experiment = ExperimentOptions(name="colours", model=made.folder / "second", sha256=sha256, key="rider")
    served = prepare(made.options(experiment=experiment, log_dir=None), made.sha256)
    app = App(served, made.options().limits)
    bodies = [rides(1 + place % 3, rider=place) for place in range(8)]

    found = together(app, bodies)

    assert {dict(answer.headers)[b"headgate-arm"] for answer in found} == {
        b"control",
        b"treatment",
        b"control, treatment",
    }
    assert batching_of(app).requests == 8
    assert found == one_by_one(app, bodies)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_trees_are_asked_for_all_at_once_and_say_the_same_of_each(made: World, library: str) -> None:
    """One call for a batch, the same bits; one request's unknown output is still its own affair."""
    sha256 = package.write(made.folder / "trees", trees(library), package.read_signature(made.model), {})
    options = made.options(model=made.folder / "trees", sha256=sha256, log_dir=None)
    app = App(prepare(options, sha256), options.limits)
    counting = Counting(app.served.predictor.loaded)
    app.served.predictor.loaded = counting
    bodies: list[Any] = [rides(1 + place % 3, rider=place) for place in range(6)]
    bodies[2]["outputs"] = [{"name": "median"}]

    found = together(app, bodies)

    assert counting.rows == [12]
    assert [answer.code for answer in found] == [200, 200, 400, 200, 200, 200]
    assert found == one_by_one(app, bodies)


def trees(library: str) -> Packed:
    """Return trees fitted on anything, as their library keeps them."""
    draw = np.random.default_rng(3)
    x = draw.normal(size=(300, 3)) * [1, 3, 12]
    y = (x.sum(axis=1) > 0).astype(np.float64)
    if library == "lightgbm":
        booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x, y))
        return Packed("lightgbm", {FILES["lightgbm"]: booster.model_to_string().encode()})
    forest = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(x, y), num_boost_round=30)
    return Packed("xgboost", {FILES["xgboost"]: bytes(forest.save_raw("ubj"))})


def member(values: list[bool | None]) -> dict[str, Any]:
    return {"name": "member", "datatype": "BOOL", "shape": [len(values)], "data": values}


def test_time_is_shared_out(app: App) -> None:
    """The phases of a batch's requests add up to no more than the requests took."""
    phases = app.served.meters.phases

    together(app, [rides(place + 1) for place in range(8)])

    assert phases.requests == {"decode": 8, "check": 8, "predict": 8, "encode": 8}
    text = app.served.meters.text().decode()
    lasted = float(re.findall(r"headgate_request_seconds_sum\{[^}]*\} (\S+)", text)[0])
    assert 0 < sum(phases.seconds.values()) < lasted
    assert f'headgate_batch_requests_count{{model="{app.version}",service="rides"}} 1.0' in text
    assert f'headgate_batch_requests_sum{{model="{app.version}",service="rides"}} 8.0' in text
