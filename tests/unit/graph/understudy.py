"""Stands in for `headgate <verb>`: does what `<plot>/<verb>` says, and writes down when it started and ended.

With `--item x` it is called `<verb>x`.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

verb, words = sys.argv[1], dict(zip(sys.argv[2::2], sys.argv[3::2], strict=False))
verb += words.get("--item", "")
plot = Path(words["--plot"])


def note(what: str, pid: int) -> None:
    with (plot / "events").open("a") as file:
        file.write(f"{what} {verb} {pid} {time.monotonic()}\n")


def scene() -> str:
    earlier = (plot / "events").read_text().splitlines() if (plot / "events").exists() else []
    tries = sum(line.startswith(f"start {verb} ") for line in earlier)
    scenes = (plot / verb).read_text().split() if (plot / verb).exists() else ["ok"]
    return scenes[min(tries, len(scenes) - 1)]


action, _, value = scene().partition(":")
if action == "polite":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(note("bye", os.getpid())))
note("start", os.getpid())
if action == "polite":
    time.sleep(60)
if action == "exit":
    sys.stdout.write(f"{verb} says why it failed\n")
    sys.stdout.flush()
    raise SystemExit(int(value))
if action == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
if action == "sleep":
    time.sleep(float(value))
if action == "family":
    child = subprocess.Popen(["sleep", "60"])
    note("child", child.pid)
    child.wait()
if action == "meet":
    deadline = time.monotonic() + 10
    (plot / f"{verb}.here").touch()
    while not (plot / f"{value}.here").exists():
        if time.monotonic() > deadline:
            raise SystemExit(1)
        time.sleep(0.01)
if action == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if action != "nothing":
    source = Path(words["--from"]).read_bytes() if "--from" in words else b""
    outcome = value if action == "say" else "pass"
    record = {"verb": verb, "of": hashlib.sha256(source).hexdigest(), "outcome": outcome}
    if action == "list":
        record["items"] = value.split(",") if value else []
    Path(words["--out"]).write_text(json.dumps(record))
note("end", os.getpid())
