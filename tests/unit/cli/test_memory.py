"""The peak of memory is measured to the end, whatever ends meanwhile."""

import os
import subprocess
import sys

import psutil

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
