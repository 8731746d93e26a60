"""One process: never ready without its model, faults as planned, drained when told, nothing lost when killed."""

import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headgate.serve.door.limits import Limits
from headgate.serve.logs.prediction_log import read
from headgate.specs.environment import Faults
from unit.serve.running import Answer, Running, ask, refused, rides, running, world

INFER = "/v2/models/rides/infer"
BODY = json.dumps(rides()).encode()


def test_a_model_that_is_not_what_git_says_is_never_served(tmp_path: Path) -> None:
    """The digest is checked before anything is parsed: exit 1, no ready file, the reason said."""
    made = world(tmp_path)

    code, said = refused(made.options(sha256="0" * 64))

    assert code == 1
    assert "is not what Git says: manifest.json has another sha256" in said


def test_a_swapped_file_inside_the_package_is_never_parsed(tmp_path: Path) -> None:
    """Not even when what was put there is no ONNX at all."""
    made = world(tmp_path)
    (made.model / "model.onnx").write_bytes(b"something else")

    code, said = refused(made.options())

    assert code == 1
    assert "model.onnx has another sha256" in said


def test_a_model_of_another_service_is_refused(tmp_path: Path) -> None:
    """Its features would be another's."""
    made = world(tmp_path)
    text = (tmp_path / "service.yaml").read_text()
    (tmp_path / "service.yaml").write_text(text.replace("service: rides", "service: walks"))

    code, said = refused(made.options())

    assert code == 1
    assert "the model is one of service 'rides', and service.yaml describes 'walks'" in said


def test_features_that_the_model_was_not_fitted_on_are_found_before_it_is_ready(tmp_path: Path) -> None:
    """The warm-up asks the whole way."""
    made = world(tmp_path, features="null")

    code, said = refused(made.options())

    assert code == 1
    assert "lack 'hour'" in said


def test_a_function_that_reads_what_no_request_carries_is_found_before_it_is_ready(tmp_path: Path) -> None:
    """The contract is what requests carry."""
    made = world(tmp_path)
    (tmp_path / "rides_features.py").write_text("def features(rows, as_of):\n    return rows.select('wind')\n")

    code, said = refused(made.options())

    assert code == 1
    assert "ColumnNotFoundError" in said


def test_a_function_that_refuses_made_up_values_is_served_all_the_same(tmp_path: Path) -> None:
    """Nobody can make up what a stranger's function takes; it is said, and real requests are answered."""
    made = world(tmp_path)
    code = (tmp_path / "rides_features.py").read_text()
    (tmp_path / "rides_features.py").write_text(code.replace('(rows["seats"] == 7).any()', 'rows["rider"].min() == 0'))

    with running(made.options()) as server:
        answer = server.infer(rides())
        said = server.stderr

    assert answer.status == 200
    assert "not warmed up, for made-up rows are refused: features function" in said


def test_a_port_in_use_is_said_at_once(tmp_path: Path) -> None:
    """With what to do next; later it may be free."""
    made = world(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = refused(made.options(port=taken.getsockname()[1]))

    assert code == 75
    assert "address already in use" in said
    assert "choose another --port" in said


def test_the_ready_file_says_where_and_who(tmp_path: Path) -> None:
    """Written when requests are answered, not before; the process ends with its parent's end of stdin."""
    made = world(tmp_path)

    with running(made.options()) as server:
        assert server.facts["pid"] == server.process.pid
        assert server.facts["model"] == made.sha256[:12]
        assert server.infer(rides()).status == 200
        server.end_stdin()

        assert server.process.wait(timeout=10) == 0


def test_several_classes_and_regression_have_their_own_outputs(tmp_path: Path) -> None:
    """Multiclass: probabilities row by row and the likeliest label; only what was asked for."""
    (tmp_path / "regression").mkdir()
    (tmp_path / "multiclass").mkdir()
    with running(world(tmp_path / "multiclass", "multiclass").options()) as server:
        both = server.infer(rides(2)).json["outputs"]
        only = server.infer({**rides(2), "outputs": [{"name": "label"}]}).json["outputs"]
        about = server.ask("/v2/models/rides").json["outputs"]
    with running(world(tmp_path / "regression", "regression").options()) as server:
        [value] = server.infer(rides(2)).json["outputs"]

    assert [(item["name"], item["datatype"], item["shape"]) for item in both] == [
        ("probability", "FP64", [2, 3]),
        ("label", "BYTES", [2]),
    ]
    assert sum(both[0]["data"][:3]) == pytest.approx(1)
    assert both[1]["data"] == ["c", "c"]
    assert only == both[1:]
    assert about[0]["shape"] == [-1, 3]
    assert (value["name"], value["shape"]) == ("value", [2])
    assert value["data"] == pytest.approx([0.1 + 0.015 + 0.16, 0.1 + 0.025 + 0.16], abs=1e-6)


def test_a_failing_revision_spoils_its_share_and_counts_it(tmp_path: Path) -> None:
    """Exactly one of four answers, marked by a header, not logged as answered; bad requests are not spoiled."""
    made = world(tmp_path)

    with running(made.options(faults=Faults(fail_share=0.25))) as server:
        answers = [server.infer(rides(rider=k)) for k in range(20)]
        spoiled = server.metric(
            f'headgate_faults_total{{fault="fail",model="{server.facts["model"]}",service="rides"}}'
        )
        bad = [server.infer(b"{").status for _ in range(4)]
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=10)
        said = server.stderr

    assert [answer.status for answer in answers].count(500) == 5 == spoiled
    assert [answer.headers.get("headgate-fault") for answer in answers].count("fail") == 5
    assert bad == [400] * 4
    assert read(made.log_dir).height == 15
    assert "fault begins at" in said
    assert "fault ends at" in said


def test_a_slow_revision_is_slow_and_sheds_what_is_too_much(tmp_path: Path) -> None:
    """Beyond the cap 503 with retry-after at once; readiness stays true; all others are answered, late."""
    made = world(tmp_path)
    options = made.options(faults=Faults(delay_ms=700), limits=Limits(in_flight=3))

    def timed(server: Running) -> tuple[float, Answer]:
        began = time.monotonic()
        answer = ask(server.connect(), INFER, BODY)
        return time.monotonic() - began, answer

    with running(options) as server, ThreadPoolExecutor(8) as clients:
        pending = [clients.submit(timed, server) for _ in range(8)]
        time.sleep(0.2)
        ready = server.ask("/v2/health/ready").status
        answers = [one.result() for one in pending]
        shed = [answer for _, answer in answers if answer.status == 503]
        slow = [seconds for seconds, answer in answers if answer.status == 200]
        rejected = server.metric('headgate_rejected_total{reason="overload",service="rides"}')

    assert ready == 200
    assert len(slow) == 3
    assert min(slow) >= 0.7
    assert len(shed) == 5 == rejected
    assert {answer.headers["retry-after"] for answer in shed} == {"1"}


def test_told_to_stop_it_drains_and_drops_nothing(tmp_path: Path) -> None:
    """Not ready at once, every request answered, connections closed politely, exit 0, the log whole."""
    made = world(tmp_path)
    options = made.options(faults=Faults(delay_ms=20), flush_seconds=60, linger_seconds=1.0)
    codes: list[int] = []
    stop = threading.Event()

    def client(server: Running) -> None:
        connection = server.connect()
        while not stop.is_set():
            answer = ask(connection, INFER, BODY)
            codes.append(answer.status)
            if answer.headers.get("connection") == "close":
                return  # what a router does: it asks another server from now on

    with running(options) as server:
        threads = [threading.Thread(target=client, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        ready = ask(server.connect(), "/v2/health/ready").status
        late = ask(server.connect(), INFER, BODY)
        for thread in threads:
            thread.join(timeout=10)
        code = server.process.wait(timeout=10)
        stop.set()

    assert (ready, late.status, code) == (503, 200, 0)
    assert late.headers["connection"] == "close"
    assert len(codes) > 10
    assert set(codes) == {200}
    assert read(made.log_dir).height == len(codes) + 1


def test_killed_it_loses_at_most_the_last_flush_interval(tmp_path: Path) -> None:
    """What was answered an interval ago can be read, whatever happens to the process."""
    made = world(tmp_path)

    with running(made.options(flush_seconds=0.1)) as server:
        for rider in range(30):
            server.infer(rides(rider=rider))
        time.sleep(0.4)
        server.infer(rides(rider=30))
        server.process.kill()
        server.process.wait()

    riders = [int(id_.split("|")[0]) for id_ in read(made.log_dir)["id"]]
    assert riders[:30] == list(range(30))
    assert len(riders) <= 31


def test_a_crash_of_a_library_says_where_it_was(tmp_path: Path) -> None:
    """No exception tells of it; a person finds more than an exit code."""
    with running(world(tmp_path).options()) as server:
        server.process.send_signal(signal.SIGSEGV)
        server.process.wait(20)

        assert "Fatal Python error: Segmentation fault" in server.stderr
