"""Somebody else's ASGI application on a real socket, by uvicorn in a thread, and a client for it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn


@contextmanager
def hosted(app: Any) -> Iterator[httpx.Client]:
    """Give a client of the running application; it is gone afterwards."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        ends = time.monotonic() + 20
        while not server.started and time.monotonic() < ends:
            time.sleep(0.01)
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
