"""Programs of other people that a test runs, built from their pin where the machine has none."""

import os
import pwd
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@cache
def built(name: str) -> str:
    """Return a program of tests/cluster/programs, built once into the user's cache where it is not on the PATH."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # the run's own HOME is gone at its end
    path = home / ".cache" / "headgate" / "cluster" / "bin" / name
    if found := shutil.which(name):
        return found
    if not path.exists():
        if not shutil.which("go"):
            pytest.skip(f"needs {name}, or Go to build it")
        environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(HERE)}
        environment.pop("XDG_CACHE_HOME", None)
        subprocess.run([sys.executable, "-m", "cluster", "build", name], env=environment, check=True)
    return str(path)
