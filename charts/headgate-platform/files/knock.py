# ruff: noqa: INP001 - a program in a pod, not a module
"""Asks the receiver as a stranger would: `helm test` runs it."""

import os
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

EXPECTED = {("GET", "/readyz"): 200, ("GET", "/metrics"): 200, ("POST", "/alerts"): 401, ("POST", "/push"): 401}
"""Ready, and closed to those who show neither token nor signature."""


def main() -> None:
    """Say what was answered; fail where it is not what it should be."""
    address = urlsplit(os.environ["RECEIVER"])
    wrong = False
    for (method, path), expected in EXPECTED.items():
        connection = HTTPConnection(address.hostname or "", address.port or 80, timeout=20)
        try:
            connection.request(method, path, "{}" if method == "POST" else None, {"Content-Type": "application/json"})
        except OSError as err:
            sys.exit(f"nobody answers at {address.netloc}: {err}; no pod of the receiver is ready: see its log")
        code = connection.getresponse().status
        wrong = wrong or code != expected
        sys.stdout.write(f"{method} {path}: {code}, expected {expected}\n")
    sys.exit(int(wrong))


main()
