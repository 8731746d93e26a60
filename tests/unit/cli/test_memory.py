"""The peak of memory is measured to the end, whatever ends meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from headgate.cli.memory import resident, tree


class Vanished(psutil.Process):
    """A process whose children end while they are listed."""

    def children(self, recursive: bool = False) -> list[psutil.Process]:
        """Fail as /proc does then."""
        raise psutil.NoSuchProcess(self.pid)


def test_a_child_that_ends_while_it_is_counted_ends_no_measuring() -> None:
    """The sample counts the rest."""
    assert tree(Vanished(os.getpid())) > 1 << 20


def test_what_a_process_started_counts_too() -> None:
    """The child holds 64 MB until it is told to end."""
    code = "held = b'x' * (64 << 20); print('holds', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        own = psutil.Process(os.getpid())

        more = tree(own) - resident(own)

        child.kill()
    assert more > 64 << 20


@pytest.mark.parametrize("command", ["run", "track", "status"])
def test_a_command_that_reads_no_rows_does_without_polars(command: str) -> None:
    """25 MB each, beside a ring, a canary and a tracker: what only counts digests and records needs no frames."""
    code = f"""
import sys
from pathlib import Path
import headgate.cli.{command}
from headgate.adapters.usercode import code_digest, lock_digest
code_digest(Path("examples/flights")), lock_digest()
raise SystemExit("polars" in sys.modules)
"""

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_tracker_brings_no_frames(tmp_path: Path) -> None:
    """MLflow would import all it finds: 100 MB beside a canary; what it did not find can be imported afterwards."""
    code = f"""
import sys
from headgate.adapters.trackers.mlflow import FRAMES, MLflowTracker
MLflowTracker("sqlite:///{tmp_path}/mlflow.db")
assert not set(FRAMES) & set(sys.modules), sorted(sys.modules)
import polars
"""

    subprocess.run([sys.executable, "-c", code], check=True)
