"""Keeps every Python process of a test run on this machine: a step outside raises, and is written down.

`tests/conftest.py` puts this folder on PYTHONPATH, so that the servers, steps and rings a test starts are held too.
"""

import os
import sys
from pathlib import Path

NOTED = "HEADGATE_TEST_STEPS_OUTSIDE"
"""Environment variable: the file a step outside is written to, as libraries swallow what is raised in their threads."""

HERE = ("127.", "::1", "localhost", "0.0.0.0", "::ffff:127.")
CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
RESOLVING = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


def stays_here(host: object) -> bool:
    """Say whether a host is this machine by loopback; no host at all is."""
    text = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    return text.startswith(HERE) or text in {"::", ""}


def watch(event: str, args: tuple[object, ...]) -> None:
    """Raise when the event is a step outside."""
    if event in CONNECTING:
        address = args[1]
        if not isinstance(address, tuple) or stays_here(address[0]):  # a path is a Unix socket
            return
    elif event in RESOLVING:
        address = args[0]
        if stays_here(address):
            return
    else:
        return
    if noted := os.environ.get(NOTED):
        with Path(noted).open("a") as file:
            file.write(f"{event} {address!r} by process {os.getpid()}: {' '.join(sys.argv[:3])}\n")
    raise ConnectionRefusedError(f"no test may leave this machine: {event} {address!r}")


sys.addaudithook(watch)
