"""Lines and spans of predictions that were asked for over gRPC: as HTTP's are, in gRPC's words."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

from headgate.serve.grpc.messages import SERVICE, InferResponse
from headgate.specs.environment import Faults
from unit.serve.calling import open_channel, typed
from unit.serve.collecting import TRACE, attributes, collector, wait_for
from unit.serve.running import changed, rides, running, world

INFER = f"/{SERVICE}/ModelInfer"
SPOILED = changed(rides(), "city", data=["hush"])


def called(channel: grpc.Channel, request: Any, timeout: float = 10, **metadata: str) -> grpc.StatusCode:
    """Call with metadata of one's own."""
    named: Sequence[tuple[str, str]] = [(name.replace("_", "-"), value) for name, value in metadata.items()]
    content = request if isinstance(request, bytes) else typed(request).SerializeToString()
    call = channel.unary_unary(INFER, None, InferResponse.FromString).future(content, timeout, metadata=named)
    code: grpc.StatusCode = call.code()
    return code


def test_each_call_is_a_line_without_its_payload(tmp_path: Path) -> None:
    """Refusals too, with the status that the counters know and gRPC's own; who asks for readiness is no line."""
    with running(world(tmp_path).options(log_requests=True, grpc_port=0)) as server, open_channel(server) as channel:
        codes = [
            called(channel, SPOILED, x_request_id="a" * 500),
            called(channel, b"\xff"),
            called(channel, rides()),
        ]
        channel.unary_unary(f"/{SERVICE}/ServerReady")(b"", timeout=10)
        wait_for(lambda: server.stderr.count("\n") >= 3)
        lines = [json.loads(line) for line in server.stderr.splitlines()]

    assert ["INVALID_ARGUMENT", "INVALID_ARGUMENT", "OK"] == [code.name for code in codes]
    assert [(400, "INVALID_ARGUMENT"), (400, "INVALID_ARGUMENT"), (200, "OK")] == [
        (line["status"], line["grpc"]) for line in lines
    ]
    assert "a" * 100 == lines[0]["request"]
    assert {"at", "event", "service", "model", "path", "status", "seconds", "grpc"} == set(lines[2])
    assert (INFER, "rides", server.facts["model"]) == tuple(lines[2][name] for name in ("path", "service", "model"))
    assert "hush" not in server.stderr


def test_a_call_whose_client_left_is_a_line_too(tmp_path: Path) -> None:
    """Cancelled, once, as soon as nobody waits for the answer."""
    options = world(tmp_path).options(log_requests=True, grpc_port=0, faults=Faults(delay_ms=5000))
    with running(options) as server, open_channel(server) as channel:
        code = called(channel, rides(), timeout=0.3)
        wait_for(lambda: '"asked"' in server.stderr)
        lines = [json.loads(line) for line in server.stderr.splitlines() if line.startswith("{")]

    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert [(499, "CANCELLED")] == [(line["status"], line["grpc"]) for line in lines]
    assert lines[0]["seconds"] < 5


def test_each_call_is_a_span_in_its_callers_trace(tmp_path: Path) -> None:
    """Service, method and status by OpenTelemetry's names of a remote call; what is the server's fault is an error."""
    made = world(tmp_path)
    faults = Faults(fail_share=0.5)  # every second answer
    with (
        collector() as (url, spans),
        running(made.options(traces=url, grpc_port=0, faults=faults)) as server,
        open_channel(server) as channel,
    ):
        codes = [
            called(channel, SPOILED, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01"),
            called(channel, rides()),
            called(channel, rides()),
        ]
        server.process.terminate()
        server.process.wait(timeout=20)

    assert ["INVALID_ARGUMENT", "OK", "INTERNAL"] == [code.name for code in codes]
    assert [code.value[0] for code in codes] == [attributes(span)["rpc.grpc.status_code"] for span in spans]
    assert [0, 0, 2] == [span.status.code for span in spans]
    assert TRACE == spans[0].trace_id.hex() != spans[1].trace_id.hex()
    assert {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": "ModelInfer"}.items() <= attributes(
        spans[0]
    ).items()
    assert 4 == len(attributes(spans[0]))
    assert "hush" not in str(spans)
