"""A real server whose contract refuses, clips or names: what the answer says, what the model saw, what is counted."""

from collections.abc import Iterator

import polars as pl
import pytest

from headgate.models.loading import load
from headgate.serve.logs.prediction_log import inputs_of, read
from unit.serve.running import CONTRACT_YAML, Running, World, changed, rides, running, tensor, world

SOFT = (
    ("distance: {type: number, nulls: 0.5}", "distance: {type: number, nulls: 0.5, min: 1, max: 50, outside: clip}"),
    ("unseen: error", "unseen: warning"),
    ("seats: {type: integer, min: 0, max: 8, range_severity: error}", "seats: {type: integer, min: 0, max: 8}"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Running]]:
    """Distance is clipped, seats outside are named, cities unseen become unknown."""
    made = world(tmp_path_factory.mktemp("soft"))
    text = CONTRACT_YAML
    for old, new in SOFT:
        assert old in text
        text = text.replace(old, new)
    (made.folder / "contract.yaml").write_text(text)
    with running(made.options(flush_seconds=0)) as server:
        yield made, server


@pytest.fixture
def server(served: tuple[World, Running]) -> Running:
    return served[1]


def counted(server: Running, name: str, kind: str, level: str) -> float:
    return server.metric(f'headgate_violations_total{{input="{name}",kind="{kind}",level="{level}",service="rides"}}')


@pytest.mark.parametrize(
    ("request_", "name", "kind"),
    [
        ({"inputs": [*rides()["inputs"], tensor("wind", "FP64", [1.0])]}, "other", "unknown"),
        ({"inputs": [item for item in rides()["inputs"] if item["name"] != "city"]}, "city", "missing"),
        (changed(rides(), "city", datatype="FP64", data=[1.0]), "city", "type"),
        (changed(rides(), "at", data=["yesterday"]), "at", "type"),
        (changed(rides(), "seats", data=[None]), "seats", "null"),
        (changed(rides(2), "seats", data=[1], shape=[1]), "seats", "length"),
    ],
)
def test_a_refusal_is_counted_by_input_and_kind(
    server: Running, request_: dict[str, object], name: str, kind: str
) -> None:
    """And the next good request is answered, with nothing to name."""
    before = counted(server, name, kind, "reject")

    bad, good = server.infer(request_), server.infer(rides())

    assert (400, 200) == (bad.status, good.status)
    assert 1 == counted(server, name, kind, "reject") - before
    assert "headgate-notice" not in good.headers


def test_a_clipped_number_is_answered_as_its_bound_and_logged_as_sent(served: tuple[World, Running]) -> None:
    """The header names it; drift sees what clients send."""
    made, server = served
    features = pl.DataFrame({"city": ["zürich"] * 3, "distance": [50.0, 1.0, None], "hour": [8, 8, 8]})

    answer = server.infer(changed(rides(3), "distance", data=[900.5, 0.25, None]))

    assert "distance below, distance above" == answer.headers["headgate-notice"]
    assert answer.json["outputs"][0]["data"] == load(made.model, made.sha256).predict(features).tolist()
    assert [900.5, 0.25, None] == inputs_of(read(made.log_dir)[-3:])["distance"].to_list()
    assert (1, 1) == tuple(counted(server, "distance", kind, "clip") for kind in ("below", "above"))


def test_what_is_only_named_is_answered_as_sent(server: Running) -> None:
    """An unseen city is unknown to the model; nine seats are nine."""
    answer = server.infer(changed(changed(rides(), "city", data=["basel"]), "seats", data=[9]))

    assert 200 == answer.status
    assert "seats above, city unseen" == answer.headers["headgate-notice"]
    assert (1, 1) == (counted(server, "city", "unseen", "flag"), counted(server, "seats", "above", "flag"))


def test_v1_has_the_same_notices(server: Running) -> None:
    """One door for every protocol."""
    row = {item["name"]: item["data"][0] for item in rides()["inputs"]}

    answer = server.ask(
        "/v1/models/rides:predict",
        b'{"instances": [%s]}' % pl.DataFrame([row | {"distance": 99.0}]).write_ndjson().strip().encode(),
    )

    assert (200, "distance above") == (answer.status, answer.headers["headgate-notice"])
