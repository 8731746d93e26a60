"""Questions that a process answers when it is ready."""

import socket
import ssl
import urllib.request
from collections.abc import Callable

Question = Callable[[], bool]

LAX = ssl.create_default_context()
LAX.check_hostname = False
LAX.verify_mode = ssl.CERT_NONE


def http(url: str) -> Question:
    """Ask whether the URL answers 200."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2, context=LAX if url.startswith("https") else None) as answer:
                return bool(answer.status == 200)
        except OSError:  # urllib's errors are OSErrors
            return False

    return ask


def port(address: str) -> Question:
    """Ask whether somebody listens at `host:port`."""
    host, number = address.rsplit(":", 1)

    def ask() -> bool:
        try:
            socket.create_connection((host, int(number)), timeout=2).close()
        except OSError:
            return False
        return True

    return ask
