"""serving/openapi.yaml and the server say the same: its routes, its answers, whatever it is asked."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.openapi.checks import JsonSchemaError, UndefinedStatusCode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route

from headgate.serve.door.limits import Limits
from headgate.serve.http.app import App
from headgate.serve.setup.preparing import prepare
from unit.serve.running import Running, rides, running, world

DOCUMENT = Path(__file__).parents[3] / "serving" / "openapi.yaml"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
"""Requests an operation; `make fuzz` asks many more."""
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return loaded


def known_to(server: Mapping[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the names of a server's one model, beside any other."""
    names = {"model": "rides", "version": server["model"]}
    for path in spec["paths"].values():
        for parameter in path.get("parameters", []):
            known = {"const": names[parameter["name"]]}
            parameter["schema"] = {"anyOf": [known, known, known, {"type": "string", "pattern": "^[a-z]{1,9}$"}]}
    return spec


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of this file."""
    made = world(tmp_path_factory.mktemp("rides"))
    with running(made.options(limits=Limits(body_seconds=2))) as one:
        yield one


@pytest.fixture(scope="module")
def api(server: Running) -> Any:
    load_all_checks()
    return schemathesis.openapi.from_dict(known_to(server.facts, document()))


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_knows(case: schemathesis.Case, server: Running) -> None:
    """Whatever is asked: a code, a type, headers and a body as written there, and never a 5xx."""
    case.call_and_validate(base_url=f"http://127.0.0.1:{server.port}", checks=list(CHECKS))

    assert server.infer(rides()).status == 200


def test_the_document_has_every_route_and_no_other(tmp_path: Path) -> None:
    """A page that is added is written down, and one that is gone is not."""
    options = world(tmp_path).options()
    app = App(prepare(options, options.sha256), options.limits)
    routes = {
        (route.path, method)
        for route in app.pages.starlette.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }

    written = {
        (path, method.upper()) for path, item in document()["paths"].items() for method in item.keys() - {"parameters"}
    }

    assert routes == written
    assert {path.replace("rides", "{model}").replace(app.version, "{version}") for path in app.dialects} <= {
        path for path, _ in written
    }


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@pytest.mark.parametrize("path", document()["paths"])
def test_a_method_that_is_not_there_is_told_which_are(server: Running, path: str) -> None:
    """405 with `Allow` as RFC 9110 wants it, on every path of the document, and the next request is answered."""
    there = {method.upper() for method in document()["paths"][path].keys() - {"parameters"}}
    allowed = there | ({"HEAD"} if "GET" in there else set())
    asked = path.format(model="rides", version=server.facts["model"])

    answers = {method: server.ask(asked, method=method) for method in METHODS - allowed}

    assert {405} == {answer.status for answer in answers.values()}
    assert {", ".join(sorted(allowed))} == {answer.headers.get("allow") for answer in answers.values()}
    assert server.infer(rides()).status == 200


def by_row(request: dict[str, Any]) -> dict[str, Any]:
    """Return V2's request as V1 words it."""
    columns = {item["name"]: item["data"] for item in request["inputs"]}
    rows = zip(*columns.values(), strict=True)
    return {"instances": [dict(zip(columns, row, strict=True)) for row in rows]}


GOOD = [
    ("/v2/models/{model}/infer", rides(2)),
    ("/v2/models/{model}/infer", {**rides(), "id": "7", "parameters": {"a": 1}, "outputs": [{"name": "probability"}]}),
    ("/v2/models/{model}/versions/{version}/infer", rides(3)),
    ("/v1/models/{model}:predict", by_row(rides(2))),
]


@pytest.mark.parametrize(("path", "body"), GOOD)
def test_a_good_request_is_answered_as_the_document_says(api: Any, server: Running, path: str, body: Any) -> None:
    """What chance never finds: requests that keep the contract, and are valid by the document too."""
    names = {"model": "rides", "version": server.facts["model"]}
    case = api[path]["POST"].Case(body=body, media_type="application/json")
    case.path_parameters = {name: value for name, value in names.items() if f"{{{name}}}" in path}

    answer = case.call_and_validate(
        base_url=f"http://127.0.0.1:{server.port}", checks=[*CHECKS, positive_data_acceptance]
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        (
            lambda spec: spec["paths"]["/v2"]["get"]["responses"]["200"]["content"]["application/json"].update(
                schema={"type": "array"}
            ),
            JsonSchemaError,
        ),
        (
            lambda spec: spec["paths"]["/v2"]["get"].update(responses={"201": {"description": "none"}}),
            UndefinedStatusCode,
        ),
    ],
)
def test_a_document_that_is_wrong_is_found(server: Running, change: Any, failure: type[Exception]) -> None:
    """The test above can fail."""
    spec = document()
    change(spec)
    case = schemathesis.openapi.from_dict(spec)["/v2"]["GET"].Case()

    with pytest.raises(schemathesis.core.failures.FailureGroup) as found:
        case.call_and_validate(base_url=f"http://127.0.0.1:{server.port}", checks=list(CHECKS))

    assert [failure] == [type(error) for error in found.value.exceptions]
