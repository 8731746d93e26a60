"""wrk as the client: one thread, pinned to a core of its own; an answer that is not 200 spoils the run."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "load.lua"
CLIENT_CORE = "1"


@dataclass(frozen=True)
class Load:
    """What is sent."""

    body: Path
    connections: int = 32
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Seen:
    """What the client saw."""

    per_second: float
    p50_ms: float
    p99_ms: float


def press(port: int, path: str, load: Load, seconds: float) -> Seen:
    """Send the same request over and over."""
    wrk = ["wrk", "--threads=1", f"--connections={load.connections}", f"--duration={seconds:.0f}s", "--timeout=20s"]
    command = ["taskset", "-c", CLIENT_CORE, *wrk, f"--script={SCRIPT}", f"http://127.0.0.1:{port}{path}"]
    headers = {"content-type": "application/json", **(load.headers or {})}
    lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
    environment = {**os.environ, "BENCH_BODY": str(load.body), "BENCH_HEADERS": lines}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    facts = json.loads(said.rpartition("FACTS ")[2])
    if facts["bad"] or not facts["requests"]:
        raise SystemExit(f"port {port}: {facts['bad']} bad answers of {facts['requests']}: {said}")
    return Seen(facts["requests"] / facts["seconds"], facts["p50"] / 1000, facts["p99"] / 1000)
