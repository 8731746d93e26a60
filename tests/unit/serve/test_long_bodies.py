"""Long requests hold nobody up: what reads and checks them is not what answers the others."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from headgate.serve.http.app import INLINE_BYTES, App
from headgate.serve.protocols.v2 import Request
from headgate.serve.setup.preparing import prepare
from unit.serve.running import rides, world


@pytest.mark.parametrize(("size_bytes", "elsewhere"), [(1000, False), (INLINE_BYTES + 1, True)])
def test_a_long_body_is_read_beside_the_loop(tmp_path: Path, size_bytes: int, elsewhere: bool) -> None:
    """In a thread, with the answer of a short one."""
    options = world(tmp_path).options(log_dir=None)
    app = App(prepare(options, options.sha256), options.limits)
    dialect = app.dialects["/v2/models/rides/infer"]
    body = json.dumps(rides()).encode().ljust(size_bytes)
    threads: list[int] = []

    def decode(body: bytes) -> Request:
        threads.append(threading.get_ident())
        return dialect.decode(body)

    async def read() -> bytes:
        return body

    answer = asyncio.run(app.respond(read, dialect._replace(decode=decode)))

    assert answer.code == 200, answer.content
    assert [elsewhere] == [one != threading.get_ident() for one in threads]
