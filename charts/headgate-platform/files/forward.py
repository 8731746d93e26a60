# ruff: noqa: INP001 - a program in a pod, not a module
"""Hands one signal on to the receiver, which alone decides what becomes of it."""

import os
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

FINE = 200


def main() -> None:
    """Post SIGNAL to RECEIVER; fail where it was not taken, so that Argo tries again."""
    address = urlsplit(os.environ["RECEIVER"])
    token = Path("/secrets/receiver/token").read_text().splitlines()[0].strip()
    connection = HTTPConnection(address.hostname or "", address.port or 80, timeout=20)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/signals", os.environ["SIGNAL"], headers)
    answer = connection.getresponse()
    said = f"receiver answered {answer.status}: {answer.read().decode(errors='replace')[:500]}\n"
    if answer.status != FINE:
        sys.exit(said)
    sys.stdout.write(said)


main()
