"""Lines and spans of predictions: on when asked for, never with a payload; and what a thousand rows cost."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from unit.serve.collecting import TRACE, attributes, collector, wait_for
from unit.serve.running import Running, changed, rides, running, world


def asked(server: Running, body: Any, **headers: str) -> int:
    """Ask with headers of one's own."""
    connection = server.connect()
    connection.request("POST", "/v2/models/rides/infer", json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_each_prediction_is_a_span_in_its_callers_trace(tmp_path: Path) -> None:
    """Path and status, refusals too, and nothing of what was asked; without `traceparent` a trace of its own."""
    made = world(tmp_path)
    with collector() as (url, spans), running(made.options(traces=url)) as server:
        statuses = [
            asked(server, changed(rides(), "city", data=["hush"]), traceparent=f"00-{TRACE}-00f067aa0ba902b7-01"),
            asked(server, rides()),
            server.ask("/v2/models/rides/infer").status,
        ]
        server.ask("/v2/health/ready")
        server.process.terminate()
        server.process.wait(timeout=20)

    assert [400, 200, 405] == statuses
    assert [400, 200, 405] == [attributes(span)["http.response.status_code"] for span in spans]
    assert ["POST", "POST", "GET"] == [attributes(span)["http.request.method"] for span in spans]
    assert TRACE == spans[0].trace_id.hex() != spans[1].trace_id.hex()
    assert {"http.request.method", "url.path", "http.response.status_code"} == set(attributes(spans[0]))
    assert "hush" not in str(spans)


def test_a_collector_that_is_gone_costs_no_answer(tmp_path: Path) -> None:
    """Spans are lost, predictions are not, and a drain does not wait for ever."""
    with running(world(tmp_path).options(traces="http://127.0.0.1:9/v1/traces")) as server:
        statuses = [asked(server, rides()) for _ in range(20)]
        server.process.terminate()
        code = server.process.wait(timeout=20)

    assert [200] * 20 == statuses
    assert 0 == code


def test_each_prediction_is_a_line_without_its_payload(tmp_path: Path) -> None:
    """JSON on stderr, with the client's id of the request; pages are not lines."""
    with running(world(tmp_path).options(log_requests=True)) as server:
        asked(server, changed(rides(), "city", data=["hush"]), **{"x-request-id": "a" * 500})
        asked(server, rides())
        server.ask("/metrics")
        wait_for(lambda: server.stderr.count("\n") >= 2)
        lines = [json.loads(line) for line in server.stderr.splitlines()]

    assert [400, 200] == [line["status"] for line in lines]
    assert "a" * 100 == lines[0]["request"]
    assert {"at", "event", "service", "model", "path", "status", "seconds"} == set(lines[1])
    assert "hush" not in server.stderr


def test_nothing_is_told_by_default(tmp_path: Path) -> None:
    """No line, no span."""
    with running(world(tmp_path).options()) as server:
        asked(server, rides())

        assert "" == server.stderr


@pytest.mark.parametrize("price", [None, 3600.0])
def test_a_thousand_rows_cost_what_the_hours_did(tmp_path: Path, price: float | None) -> None:
    """At one a second: seconds since the start, over thousands of rows; without a price there is none."""
    with running(world(tmp_path).options(price_per_hour=price)) as server:
        labels = f'{{model="{server.facts["model"]}",service="rides"}}'
        began = time.monotonic()
        for _ in range(3):
            server.infer(rides(500))
        time.sleep(0.2)
        low = time.monotonic() - began
        cost, rows = (server.metric(f"headgate_{name}{labels}") for name in ("cost_per_1000", "predictions_total"))

    assert 1500 == rows
    assert cost == 0 if price is None else low / 1.5 <= cost <= (low + 30) / 1.5
