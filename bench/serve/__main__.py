"""`make bench-serve`: measures, then writes the section of bench/RESULTS.md."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from subprocess import run

from bench.results import Row, commit, row, write
from bench.serve import made, model, starting
from bench.serve.load import Load, press
from bench.serve.made import Made
from bench.serve.servers import INFER, PEER_PYTHON, Program, Running, all_running, headgate, peer, unsketched

ROUNDS = 7
SECONDS = 3
ONE_CORE = "one server process on one core, wrk on the other, batch 1, JSON"
KSERVE, FASTAPI, RAW = "kserve", "fastapi", "raw"
OURS, LOGGED, OWN, UNSEEN = "headgate", "headgate-logged", "headgate-own", "headgate-unsketched"

TEXT = (Path(__file__).parent / "about.md").read_text()


def main() -> None:
    """Measure all rows, one after the other."""
    at = commit()
    with tempfile.TemporaryDirectory() as folder:
        service = made.make(Path(folder) / "plain")
        own = made.make(Path(folder) / "own", own_function=True)
        rows = [*model.rows(), *starting.rows(service, ROUNDS)]
        with all_running(programs(service, own), service) as servers:
            rows += serving(service, servers)
    write("serve", "Inference server", rows, versions(), TEXT, at=at)


def programs(service: Made, own: Made) -> list[Program]:
    """Return all servers that stand side by side."""
    return [
        headgate(service, OURS),
        headgate(service, LOGGED, "--log-dir", str(service.folder / "predictions")),
        headgate(own, OWN),
        unsketched(service, UNSEEN),
        peer(KSERVE, "kserve_server.py"),
        peer(FASTAPI, "fastapi_server.py"),
        peer(RAW, "raw_server.py"),
    ]


def serving(service: Made, servers: dict[str, Running]) -> list[Row]:
    """Return the rows of requests a second, and of latency with one connection."""
    x, _ = made.rows(1000)
    behind, json_bytes = made.as_bytes(x)
    loads = {
        "column": Load(kept(service, "column", made.by_column(x[:1]))),
        "matrix": Load(kept(service, "matrix", made.by_matrix(x[:1]))),
        "frame": Load(kept(service, "frame", made.by_frame(x[:1]))),
        "1000": Load(kept(service, "1000", made.by_column(x)), 4),
        "bytes": Load(kept(service, "bytes", behind), 4, {"inference-header-content-length": str(json_bytes)}),
    }

    def speed(name: str, load: str) -> Callable[[], float]:
        return lambda: press(servers[name].port, INFER, loads[load], SECONDS).per_second

    def alone(name: str, load: str) -> Callable[[], float]:
        one = replace(loads[load], connections=1)
        return lambda: press(servers[name].port, INFER, one, SECONDS).per_second

    def p99(name: str, load: str) -> Callable[[], float]:
        one = replace(loads[load], connections=1)
        return lambda: press(servers[name].port, INFER, one, SECONDS).p99_ms

    ours = speed(OURS, "column")
    memory = [(servers[OURS].rss_megabytes, servers[KSERVE].rss_megabytes)]
    return [
        paired("serve: kserve, one tensor without names", "req/s", ours, speed(KSERVE, "matrix"), ">= 5"),
        paired("serve: kserve, the same columns by name", "req/s", ours, speed(KSERVE, "frame"), ">= 5"),
        paired("serve: FastAPI + pydantic", "req/s", ours, speed(FASTAPI, "column"), ">= 1.8"),
        paired("serve: raw ASGI", "req/s", ours, speed(RAW, "column"), ">= 0.85"),
        paired("serve: p99 at 1 connection, kserve", "ms", p99(OURS, "column"), p99(KSERVE, "matrix"), "<= 0.3"),
        row("serve: resident memory before load, kserve", "MB", memory, "<= 0.4"),
        paired("serve: 1000 x 20 as bytes, own JSON", "req/s", speed(OURS, "bytes"), speed(OURS, "1000"), ">= 4"),
        paired("serve: with sketches, without", "req/s", ours, speed(UNSEEN, "column"), ">= 0.95"),
        paired("serve: with a prediction log, without", "req/s", speed(LOGGED, "column"), ours, None),
        paired("serve: with an owner's features function, without", "req/s", speed(OWN, "column"), ours, None),
        paired("serve: the same, 1 connection", "req/s", alone(OWN, "column"), alone(OURS, "column"), None),
    ]


def kept(service: Made, name: str, body: bytes) -> Path:
    file = service.folder / f"{name}.body"
    file.write_bytes(body)
    return file


def paired(name: str, unit: str, ours: Callable[[], float], other: Callable[[], float], target: str | None) -> Row:
    """Return the row of interleaved rounds, after one that warms up."""
    ours(), other()
    made_row = row(name, unit, [(ours(), other()) for _ in range(ROUNDS)], target)
    sys.stderr.write(f"{made_row}\n")
    return made_row


def versions() -> list[str]:
    """Return what was measured, and by what."""
    names = ("kserve", "fastapi", "pydantic", "uvicorn", "orjson", "onnxruntime")
    code = f"from importlib.metadata import version as v; print(*(f'{{n}} {{v(n)}}' for n in {names}), sep='\\n')"
    peers = run([str(PEER_PYTHON), "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        f"headgate {version('headgate')}",
        *peers,
        run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split(" [")[0],
    ]


main()
