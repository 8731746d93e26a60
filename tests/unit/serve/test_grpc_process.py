"""gRPC's listener begins and ends with its server: its port, its packages, its limits, its drain."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc

from headgate.serve.door.limits import Limits
from headgate.serve.grpc.messages import SERVICE, InferResponse
from headgate.specs.environment import Faults
from unit.serve.calling import open_channel, typed
from unit.serve.running import refused, rides, running, world


def test_calls_that_came_before_sigterm_are_answered(tmp_path: Path) -> None:
    """Drained like HTTP's requests: not one of a stream of calls is dropped while another server takes over."""
    options = world(tmp_path).options(grpc_port=0, faults=Faults(delay_ms=400), linger_seconds=0.1)
    with running(options) as one, open_channel(one) as channel:
        calls = [
            channel.unary_unary(f"/{SERVICE}/ModelInfer", None, InferResponse.FromString).future(
                typed(rides()).SerializeToString(), timeout=10
            )
            for _ in range(20)
        ]
        time.sleep(0.15)

        one.process.send_signal(signal.SIGTERM)
        answers = [call.result() for call in calls]

        assert [1] * 20 == [len(answer.outputs) for answer in answers]
        assert one.process.wait(10) == 0


def test_too_many_calls_at_a_time_are_shed(tmp_path: Path) -> None:
    """UNAVAILABLE with HTTP's words, and counted; those that were let in are answered."""
    options = world(tmp_path).options(grpc_port=0, faults=Faults(delay_ms=300), limits=Limits(in_flight=3))
    with running(options) as one, open_channel(one) as channel:
        ask = channel.unary_unary(f"/{SERVICE}/ModelInfer", None, InferResponse.FromString)
        calls = [ask.future(typed(rides()).SerializeToString(), timeout=10) for _ in range(9)]
        codes = [call.code() for call in calls]

        assert codes.count(grpc.StatusCode.OK) == 3
        assert codes.count(grpc.StatusCode.UNAVAILABLE) == 6
        assert one.metric('headgate_rejected_total{reason="overload",service="rides"}') == 6


def test_without_its_packages_the_extra_is_named(tmp_path: Path) -> None:
    """Whoever asks for gRPC and has none is told what to install, not shown an import's traceback."""
    made = world(tmp_path)
    code = "import sys; sys.modules['grpc'] = None; from headgate.cli import main; main()"
    words = ["serve", "--model", made.model, "--sha256", made.sha256, "--service-file", tmp_path / "service.yaml"]

    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words), "--port", "0", "--grpc-port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "error: this needs package 'grpc'",
        "  next: pip install 'headgate[grpc]'",
    ]


def test_a_port_that_is_taken_is_known_before_the_model_is_read(tmp_path: Path) -> None:
    """Exit code and next move as for HTTP's."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = refused(world(tmp_path).options(grpc_port=taken.getsockname()[1]))

    assert code == 75
    assert "choose another --grpc-port" in said
