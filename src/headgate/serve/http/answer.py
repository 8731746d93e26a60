"""What one request gets: code, content, and the headers that tell of them."""

from typing import NamedTuple

from headgate.serve.protocols.binary import HEADER, Mixed
from headgate.serve.refusal import RefusalError

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """What one request gets, in its dialect."""

    code: int
    """As HTTP counts them, whatever the dialect."""
    content: bytes
    headers: Headers


def about(content: bytes) -> Headers:
    """Return the headers that describe an answer's content.

    >>> about(b"{}")
    [(b'content-type', b'application/json'), (b'content-length', b'2')]
    """
    length = (b"content-length", b"%d" % len(content))
    if isinstance(content, Mixed):
        return [(b"content-type", b"application/octet-stream"), length, (HEADER, b"%d" % content.json_bytes)]
    return [(b"content-type", b"application/json"), length]


def how_to_go_on(err: RefusalError) -> Headers:
    """Return the headers that tell a refused client what to do next."""
    if err.status in (429, 503):
        return [(b"retry-after", b"%d" % err.retry_seconds)]
    return [(b"connection", b"close")] if err.status in (408, 413) else []
