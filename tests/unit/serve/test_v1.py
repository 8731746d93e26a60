"""V1's `:predict` against a real server: V2's checks, V2's answers, V1's form."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from headgate.serve.door.admission import Door
from headgate.serve.door.limits import Limits
from headgate.serve.protocols.v1 import Translator
from headgate.serve.refusal import RefusalError
from headgate.specs.contract import Contract
from headgate.specs.reading import parse
from headgate.specs.service import Service
from unit.serve.running import CONTRACT_YAML, SERVICE_YAML, Running, rides, running, world

PREDICT = "/v1/models/rides:predict"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of this file."""
    made = world(tmp_path_factory.mktemp("rides"))
    with running(made.options(limits=Limits(rows=50, body_bytes=200_000))) as one:
        yield one


def instances(count: int = 1, **changes: Any) -> list[dict[str, Any]]:
    """Return V2's good request as V1's rows; a value of None is left out."""
    columns = {item["name"]: item["data"] for item in rides(count)["inputs"]}
    rows = [{name: values[place] for name, values in columns.items()} | changes for place in range(count)]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def predict(server: Running, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.ask(PREDICT, content)


def test_an_instance_gets_what_a_tensor_gets(server: Running) -> None:
    """The same scores to the last bit, in the rows' order, by the same model."""
    by_tensor = server.infer(rides(3))
    by_row = predict(server, {"instances": instances(3)})

    assert by_row.status == 200
    assert by_row.json == {"predictions": by_tensor.json["outputs"][0]["data"]}
    assert by_row.headers["headgate-model"] == by_tensor.headers["headgate-model"]


def test_an_optional_input_may_be_in_some_instances_only(server: Running) -> None:
    """Where it is left out it is missing, as in V2 a null is."""
    rows = [*instances(1, member=True), *instances(1)]

    assert predict(server, {"instances": rows}).status == 200


BAD: list[tuple[str, Any]] = [
    ("the body is not JSON", b"{"),
    ("not as in V1: object missing required field instances", {}),
    ("not as in V1: expected object, got array", []),
    ("`instances` is empty", {"instances": []}),
    ("instances[0]: expected object, got int", {"instances": [1]}),
    ("input 'wind' is unknown", {"instances": instances(wind=1)}),
    ("input 'distanse' is unknown; the contract has none of that name. Did you mean", {"instances": [{"distanse": 1}]}),
    ("input 'late' is the label", {"instances": instances(late=True)}),
    ("input 'seats' is missing in instance 1", {"instances": [*instances(1), *instances(1, seats=None)]}),
    (
        "input 'distance' is not FP64: [1]: expected float | null, got str",
        {"instances": [*instances(1), *instances(1, distance="far")]},
    ),
    ("input 'seats' has 9; expected at most 8", {"instances": instances(seats=9)}),
    ("input 'at' has '2024-02-30'", {"instances": instances(at="2024-02-30")}),
    ("some of the contract's inputs are optional; name the values", {"instances": [[1, "2024-05-01", "berne"]]}),
    ("the request has 51 rows; at most 50", {"instances": instances(51)}),
    ("the body has more than 50 instances", b'{"instances":[' + b"{}," * 500 + b"{}]}"),
]


@pytest.mark.parametrize(("said", "body"), BAD, ids=[said for said, _ in BAD])
def test_a_bad_body_gets_400_in_one_line_and_the_next_good_one_its_answer(
    server: Running, said: str, body: Any
) -> None:
    """The input is named, and the instance where there are several."""
    refused = predict(server, body)
    good = predict(server, {"instances": instances()})

    assert (refused.status, good.status) == (400, 200)
    assert list(refused.json) == ["error"]
    assert said in refused.json["error"]


def test_rows_are_capped_in_both_protocols_alike(server: Running) -> None:
    """A request of as many as may be is answered; with one more it is refused."""
    refused = server.infer(rides(51))

    assert (refused.status, refused.json) == (400, predict(server, {"instances": instances(51)}).json)
    assert server.infer(rides(50)).status == predict(server, {"instances": instances(50)}).status == 200


def test_a_body_over_the_limit_is_413_here_too(server: Running) -> None:
    """Before anything of it is parsed."""
    with_limit = Running(server.process, server.port, server.facts, server.said)

    assert predict(with_limit, b"[" * 300_000).status == 413


def test_answers_of_both_protocols_are_counted_alike(server: Running) -> None:
    """One counter has them."""
    line = f'headgate_requests_total{{code="400",model="{server.facts["model"]}",service="rides"}}'
    before = server.metric(line)

    predict(server, b"{")
    server.infer(b"{")

    assert server.metric(line) == before + 2


def test_another_models_name_is_404(server: Running) -> None:
    """As in V2."""
    answer = server.ask("/v1/models/ride:predict", b"{}")

    assert (answer.status, answer.json["error"]) == (
        404,
        "no model 'ride' here; there is 'rides'. Did you mean 'rides'?",
    )


def test_the_questions_of_v1_are_answered(server: Running) -> None:
    """Does it live, which models, is this one ready?"""
    assert server.ask("/").json == {"status": "alive"}
    assert server.ask("/v1/models").json == {"models": ["rides"]}
    assert server.ask("/v1/models/rides").json == {"name": "rides", "ready": True}
    assert server.ask("/v1/models/ride").status == 404


def test_several_outputs_are_an_object_a_row(tmp_path: Any) -> None:
    """A classifier of three classes has probabilities and a label."""
    with running(world(tmp_path, task="multiclass").options()) as server:
        by_tensor = server.infer(rides(2)).json["outputs"]

        predictions = predict(server, {"instances": instances(2)}).json["predictions"]

    assert [row["label"] for row in predictions] == by_tensor[1]["data"]
    assert [value for row in predictions for value in row["probability"]] == by_tensor[0]["data"]


def translator(contract: str = CONTRACT_YAML, most_rows: int = 100) -> Translator:
    spec = parse(SERVICE_YAML.format(task="binary", features="null"), Service, "service.yaml")
    return Translator(Door(parse(contract, Contract, "contract.yaml"), spec), most_rows)


def test_lists_are_taken_where_the_contract_has_one_order() -> None:
    """All inputs required: the contract's order is the only one a list can have."""
    without = CONTRACT_YAML.replace("member: {type: boolean, required: false, nulls: 1.0}", "")
    values = [1, "2024-05-01T08:00:00", "berne", 1.5, 2]

    request = translator(without).decode(json.dumps({"instances": [values]}).encode())

    assert [(tensor.name, json.loads(bytes(tensor.data))) for tensor in request.inputs] == [
        (name, [value]) for name, value in zip(("rider", "at", "city", "distance", "seats"), values, strict=True)
    ]


def test_a_short_list_is_refused_by_what_it_lacks() -> None:
    """Values that may have shifted are never guessed at."""
    without = CONTRACT_YAML.replace("member: {type: boolean, required: false, nulls: 1.0}", "")

    with pytest.raises(RefusalError, match="'seats' is missing in instance 0"):
        translator(without).decode(b'{"instances": [[1, "2024-05-01", "berne", 1.5]]}')


def test_a_long_list_is_refused() -> None:
    """A value too many is none of the contract's."""
    without = CONTRACT_YAML.replace("member: {type: boolean, required: false, nulls: 1.0}", "")

    with pytest.raises(RefusalError, match=r"expected array of at most length 5"):
        translator(without).decode(b'{"instances": [[1, "2024-05-01", "berne", 1.5, 2, 3]]}')


@pytest.mark.parametrize("inner", [b'{"rider":' * 9_000, b'{"rider":' + b"[" * 9_000])
def test_a_body_nested_without_end_is_refused(inner: bytes) -> None:
    """The decoder's stack is not the server's."""
    with pytest.raises(RefusalError, match="nested too deeply"):
        translator(most_rows=10_000).decode(b'{"instances": [' + inner)
