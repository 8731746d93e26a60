"""Requests as bytes, and the bytes that come back."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

INFER = "/v2/models/rides/infer"
LENGTH = re.compile(rb"content-length: (\d+)\r\n")
DATE = re.compile(rb"date: [^\r]*\r\n")


def post(body: Any, *, path: str = INFER, version: str = "1.1", headers: tuple[str, ...] = ()) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"POST {path} HTTP/{version}", "host: x", f"content-length: {len(content)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + content


def chunked(body: Any) -> bytes:
    content = json.dumps(body).encode()
    parts = [content[:50], content[50:]]
    head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def whole(said: bytes) -> bool:
    """Say whether the last answer's content is all there."""
    head, _, content = said.rpartition(b"\r\n\r\n")
    return len(content) == int(head.rpartition(b"content-length: ")[2].partition(b"\r\n")[0])


def heard(client: socket.socket, expected: int) -> list[bytes]:
    """Return so many answers of a connection, byte by byte but for their date; fewer when it ends before."""
    said = b""
    while len(found := list(split(said))) < expected:
        if not (more := client.recv(1 << 20)):
            break
        said += more
    return found


def split(said: bytes) -> Iterator[bytes]:
    """Yield the whole answers in `said`."""
    while (end := said.find(b"\r\n\r\n")) >= 0:
        length = LENGTH.search(said[: end + 2])
        assert length is not None, said[:200]
        stop = end + 4 + int(length.group(1))
        if len(said) < stop:
            return
        yield DATE.sub(b"", said[:stop], count=1)
        said = said[stop:]
