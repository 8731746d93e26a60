"""A server loads what its model needs: one without a function of its owner's makes no frame."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from headgate.drift.kept import Reference
from headgate.drift.place import BESIDE
from headgate.models import package
from headgate.models.signature import Feature, Signature
from headgate.names import Digest, Name
from headgate.records.codec import digest, encode
from unit.serve.running import Running, end, network, ready, rides, world

PROGRAM = """
import sys
from headgate.cli import main
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = {"fsspec", "pandas", "polars", "pyarrow", "pydantic", "rich", "scipy", "sklearn", "typer"}


def test_a_server_of_a_plain_model_imports_nothing_heavy(tmp_path: Path) -> None:
    """From the command line to an answer that is logged, counted and shown: numbers, words and times."""
    made = world(tmp_path, features="null")
    features = (
        Feature(name="city", kind="category", categories=("berne", "zürich")),
        Feature(name="distance", kind="number"),
        Feature(name="seats", kind="number"),
    )
    signature = Signature(service=Name("rides"), task="binary", classes=("false", "true"), features=features)
    options = made.options(
        model=tmp_path / "plain", sha256=package.write(tmp_path / "plain", network("binary"), signature, {})
    )
    reference = Reference(service=Name("rides"), model=Digest(options.sha256), block="P7D", rows=0, columns=())
    (tmp_path / "plain" / BESIDE).write_bytes(encode(reference))
    words = ["--model", options.model, "--sha256", options.sha256, "--service-file", options.service_file]
    words += ["--port", 0, "--ready-file", options.ready_file, "--log-dir", options.log_dir]
    command = [sys.executable, "-c", PROGRAM, "serve", *map(str, words)]
    (tmp_path / "stderr.txt").touch()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        server = Running(process, ready(process, options)["port"], {}, tmp_path / "stderr.txt")

        assert server.infer(rides(2)).status == 200
        until_counted(server, 2)
        assert server.ask("/sketch").json["reference"] == digest(reference)
        assert server.ask("/metrics").status == 200
        server.connections[0].close()
        process.send_signal(signal.SIGTERM)
        loaded = set(process.communicate(timeout=20)[0].decode().split())
        end(process)

    assert {"headgate", "numpy", "onnxruntime"} <= loaded
    assert not loaded & HEAVY


def until_counted(server: Running, rows: int) -> None:
    """Wait for the sketch to have rows: whatever counting loads is loaded then."""
    ends = time.monotonic() + 10
    while sum(day["rows"] for day in server.ask("/sketch").json["days"]) < rows:
        assert time.monotonic() < ends
        time.sleep(0.02)
