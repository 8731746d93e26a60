"""Where are the real programs that tests run against? In the cache that `make cluster` fills."""

import os
import pwd
from pathlib import Path

import pytest

from cluster.pins import programs


def built(name: str) -> Path:
    """Return the folder of a built program; skip the test, with the agreed reason, where it is not built."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # the run's own HOME is an empty one
    folder = home / ".cache" / "headgate" / "cluster" / programs()[name].folder.name
    if not folder.exists():
        pytest.skip(f"{name} is not built on this machine: `make cluster` builds it")
    return folder
