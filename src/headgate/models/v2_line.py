"""A kept connection to the owner's predictor: bounded in time and bytes, no redirects, where the operator says."""

import socket
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from headgate.errors import PermanentError, TransientError, UsageError

ADDRESS = "HEADGATE_PREDICTOR"
"""The environment variable that says where predictors answer: `http://<host>:<port>`, several with commas between."""


NEVER = -1


class Address(NamedTuple):
    """Where a predictor answers."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as an operator writes it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Reply(NamedTuple):
    """What came back, whatever it says."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class StaleError(Exception):
    """The server had closed the connection while nobody asked: nothing was answered, and a new one may be tried."""


def addresses(text: str) -> tuple[Address, ...]:
    """Return the addresses in a text; UsageError for anything that is no plain place of a server.

    >>> [str(one) for one in addresses("http://127.0.0.1:9000, http://triton")]
    ['http://127.0.0.1:9000', 'http://triton:80']
    """
    return tuple(address(word) for word in text.replace(",", " ").split())


def address(word: str) -> Address:
    try:
        parts = urlsplit(word)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    named = f"{parts.scheme}://{host}" if host else "what it says"
    if parts.username is not None or parts.password is not None:
        raise misplaced(f"{named} with a name or password before it", "credentials would stand in every process list")
    if parts.scheme != "http" or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise misplaced(repr(word[:100]), "for TLS let a proxy beside it speak TLS")
    return Address(host, 80 if port is None else port)


def misplaced(what: str, why: str) -> UsageError:
    return UsageError(
        f"{ADDRESS} is no address of a predictor: {what}",
        found=why,
        next_step="say http://<host>:<port>, for instance http://127.0.0.1:9000",
    )


class Timed(socket.socket):
    """A socket whose every wait ends at one deadline, however few bytes come at a time."""

    deadline = float("inf")

    def left(self) -> float:
        return max(0.001, self.deadline - time.monotonic())

    def recv_into(self, *given: Any, **named: Any) -> int:
        """Read within the deadline; TimeoutError behind it."""
        self.settimeout(self.left())
        if time.monotonic() >= self.deadline:
            raise TimeoutError
        return super().recv_into(*given, **named)

    def sendall(self, *given: Any) -> None:
        """Write within the deadline."""
        self.settimeout(self.left())
        super().sendall(*given)


class Connection(HTTPConnection):
    """Python's own HTTP connection, which follows no redirect, over a socket that keeps a deadline."""

    deadline = float("inf")

    def connect(self) -> None:
        """Connect within the deadline."""
        self.timeout = max(0.001, self.deadline - time.monotonic())
        super().connect()
        self.sock: Any = Timed(fileno=self.sock.detach())
        self.sock.deadline = self.deadline


class Line:
    """One connection, for one thread."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.http = Connection(address.host, address.port)
        self.vouched = NEVER
        """For how many doubts before the other end of this very connection was found to be the right one."""

    def __del__(self) -> None:
        """Close with the thread or the model that it was for."""
        self.http.close()

    @property
    def is_open(self) -> bool:
        """Whether a server may still hold the other end."""
        return self.http.sock is not None

    def close(self) -> None:
        self.http.close()
        self.vouched = NEVER

    def ask(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str], *, until: float, most_bytes: int
    ) -> Reply:
        """Return the reply; TransientError where none comes `until` then, StaleError where a new try may help."""
        reused = self.is_open
        self.http.deadline = until
        if reused:
            self.http.sock.deadline = self.http.deadline
        try:
            reply = self.exchange(method, path, content, headers, most_bytes)
        except (RemoteDisconnected, ConnectionResetError, BrokenPipeError) as err:
            self.close()
            if reused:
                raise StaleError from err
            raise away(self.address, "it hung up") from err
        except TimeoutError as err:
            self.close()
            raise away(self.address, "it takes too long") from err
        except OSError as err:
            self.close()
            raise away(self.address, (err.strerror or str(err)).lower()) from err
        except (HTTPException, ValueError) as err:
            self.close()
            raise PermanentError(f"what answers at {self.address} speaks no HTTP: {type(err).__name__}") from err
        except BaseException:
            self.close()
            raise
        if not self.is_open:
            self.vouched = NEVER
        return reply

    def exchange(self, method: str, path: str, content: bytes, headers: Mapping[str, str], most_bytes: int) -> Reply:
        self.http.request(method, path, body=content or None, headers=dict(headers))
        response = self.http.getresponse()
        try:
            body = response.read(most_bytes + 1)
        except IncompleteRead as err:
            raise RemoteDisconnected("in the middle of its answer") from err
        if len(body) > most_bytes:
            raise PermanentError(f"the predictor at {self.address} answered more than {most_bytes:,} bytes")
        if response.length:
            raise RemoteDisconnected("in the middle of its answer")
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def away(address: Address, why: str) -> TransientError:
    return TransientError(
        f"the predictor at {address} does not answer: {why}", next_step=f"see whether it runs, and what {ADDRESS} says"
    )
