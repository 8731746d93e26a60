"""How much memory a command and its children hold, at most."""

import os
import threading
import time

import psutil


class PeakMemory:
    """The largest sum of resident memory over the process tree, sampled."""

    def __init__(self, interval_seconds: float = 0.5) -> None:
        self.bytes = 0
        self.interval_seconds = interval_seconds
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        """Sample until the process ends."""
        own = psutil.Process(os.getpid())
        while True:
            self.bytes = max(self.bytes, tree(own))
            time.sleep(self.interval_seconds)


def tree(process: psutil.Process) -> int:
    """Return the resident bytes of a process and all it started; where the tree cannot be read, of itself alone."""
    try:
        children = process.children(recursive=True)
    except psutil.Error:  # a child ended while its children were asked for
        children = []
    return sum(resident(one) for one in [process, *children])


def resident(process: psutil.Process) -> int:
    """Return a process's resident bytes, 0 when it has just ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
