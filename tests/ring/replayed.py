"""A demo as a process of its own, and the independent script on what it left."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

RECOMPUTE = Path(__file__).parent / "recompute.py"
ROOT = RECOMPUTE.parents[2]


class Demo(NamedTuple):
    """Where a demo left what it did."""

    workspace: Path
    story: Path

    def told(self) -> Any:
        return json.loads(self.story.read_text(encoding="utf-8"))


def play(folder: Path, *options: str) -> Demo:
    """Run `headgate demo` to its end, as `make demo` does; bytecode is kept, or every step compiles everything anew."""
    demo = Demo(folder / "workspace", folder / "demo.json")
    command = [sys.executable, "-m", "headgate", "demo", "--workspace", str(demo.workspace), "--out", str(demo.story)]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([*command, *options], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return demo


def recompute(workspace: Path, *story: Path) -> "subprocess.CompletedProcess[str]":
    """Run the script that knows nothing of headgate."""
    command = [sys.executable, str(RECOMPUTE), str(workspace), *map(str, story)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
