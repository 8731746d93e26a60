"""One stream, one process: metrics while it runs, drained before it ends."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, start_http_server

from headgate.adapters.durable import replace_file
from headgate.errors import speaking
from headgate.ports import Stream
from headgate.stream.answering import Answering
from headgate.stream.running import Loop
from headgate.stream.telling import Telling


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How one stream process is run."""

    host: str = "127.0.0.1"
    metrics_port: int | None = None
    """Where Prometheus reads; 0: any free one, none: nowhere."""
    ready_file: Path | None = None
    """Written once topics can be read: {"pid", "model"}, and "metrics_port" where there is one."""


def run(stream: Stream, answering: Answering, telling: Telling, options: StreamOptions) -> None:
    """Answer messages until SIGTERM or SIGINT, then end what is in hand; PermanentError where it cannot go on."""
    telling.registry.register(answering.predictor.door.violations)
    telling.recorder = answering.recorder
    if why := answering.scoring.doubt:
        telling.say("one_by_one", why=why)
    with metrics(telling.registry, options) as port:
        telling.ready = partial(announce, options.ready_file, answering.model, port)
        asyncio.run(answer(Loop(stream, answering, telling, answering.stream.batch_messages)))
    telling.ended()


async def answer(loop: Loop) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, loop.stopping.set)
    await loop.run()


def announce(file: Path | None, model: str, port: int | None) -> None:
    """Say that topics can be read."""
    if file:
        facts = {"pid": os.getpid(), "model": model} | ({"metrics_port": port} if port else {})
        replace_file(file, msgspec.json.encode(facts))


@contextmanager
def metrics(registry: CollectorRegistry, options: StreamOptions) -> Iterator[int | None]:
    """Let Prometheus read, where that is asked for; give the port."""
    if options.metrics_port is None:
        yield None
        return
    with speaking(f"listen on {options.host}:{options.metrics_port}"):
        server, thread = start_http_server(options.metrics_port, options.host, registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
