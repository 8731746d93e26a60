"""One served model, one process: verified before it is read, ready once warm, drained before it ends."""

import asyncio
import errno
import faulthandler
import gc
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from headgate.adapters.durable import replace_file
from headgate.errors import PermanentError, TransientError
from headgate.names import digest
from headgate.serve.http.app import App
from headgate.serve.http.connection import Connection
from headgate.serve.http.watched import app_of
from headgate.serve.setup.options import ServeOptions
from headgate.serve.setup.preparing import prepare
from headgate.serve.setup.served import Served
from headgate.serve.telemetry.watch import Watch, watch
from headgate.specs.environment import Faults

if TYPE_CHECKING:
    from headgate.serve.grpc.listener import Listener

RETRY_SECONDS = 0.2
"""How soon log lines that the disk refused are tried again where every answer is written at once."""


def run(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT, then drain; PermanentError when it cannot become ready."""
    faulthandler.enable(2)  # a model's library may end the process: where it did is said on stderr
    if options.exit_with_parent:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    listening = bind(options.host, options.port)
    if options.grpc_port:
        bind(options.host, options.grpc_port, "--grpc-port").close()  # gRPC binds it itself, once the model is loaded
    try:
        served = prepare(options, digest(options.sha256))
        told = watch_of(served, options)
        app = app_of(served, options.limits, told)
        server = Server(app, listener_of(app, options, told), options, listening.getsockname()[1])
        server.run(sockets=[listening])
    finally:
        listening.close()


class Server(uvicorn.Server):
    """Uvicorn that says when it is ready, and drains before it stops."""

    def __init__(self, app: App, listener: "Listener | None", options: ServeOptions, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=Connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=75,  # longer than a router keeps an idle connection, so that the router closes it
                timeout_graceful_shutdown=max(1, round(options.drain_seconds)),
            )
        )
        self.application = app
        self.options = options
        self.port = port
        self.listener = listener

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.listener:
            await self.listener.start()
        self.flushing = asyncio.create_task(self.flush_for_ever())
        gc.collect()
        gc.freeze()  # what was loaded stays: the collector need not walk it again
        self.announce()

    def announce(self) -> None:
        """Say where requests are answered, and which fault begins."""
        facts = {"port": self.port, "pid": os.getpid(), "model": self.application.version, "at": now()}
        if self.listener:
            facts["grpc_port"] = self.listener.port
        if self.options.ready_file:
            replace_file(self.options.ready_file, json.dumps(facts).encode())
        if self.options.faults != Faults():
            sys.stderr.write(f"fault begins at {now()}: {self.options.faults}\n")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Drain at the first signal; stop at once at the second."""
        if self.application.draining:
            self.should_exit = self.force_exit = True
            return
        self.application.draining = True
        self.loop.call_soon_threadsafe(self.loop.call_later, self.options.linger_seconds, self.stop)

    def stop(self) -> None:
        """Stop accepting; requests that came are answered."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.gather(super().shutdown(sockets), self.end_calls())
        await asyncio.to_thread(self.application.served.background.stop)
        self.flushing.cancel()
        with suppress(asyncio.CancelledError):
            await self.flushing
        self.flush()
        if self.options.faults != Faults():
            sys.stderr.write(f"fault ends at {now()}\n")

    async def end_calls(self) -> None:
        if self.listener:
            await self.listener.stop(self.options.drain_seconds)

    async def flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.options.flush_seconds or RETRY_SECONDS)
            if self.application.served.recorder:
                await asyncio.to_thread(self.flush)

    def flush(self) -> None:
        served = self.application.served
        if served.recorder:
            before = served.recorder.trouble
            served.recorder.flush()
            if (trouble := served.recorder.trouble) and trouble != before:
                sys.stderr.write(f"{trouble}; rows wait in memory until it takes them\n")
            served.meters.lost(served.recorder.forgive())


def watch_of(served: Served, options: ServeOptions) -> Watch | None:
    """Return who tells of predictions, where somebody wants to know."""
    loaded = served.predictor.loaded
    return watch(loaded.signature.service, loaded.sha256, traces=options.traces, log_requests=options.log_requests)


def listener_of(app: App, options: ServeOptions, told: Watch | None) -> "Listener | None":
    """Return what answers gRPC, where it is asked for."""
    if options.grpc_port is None:
        return None
    from headgate.serve.grpc.listener import Listener  # noqa: PLC0415 - its libraries are an extra

    return Listener(app, options.host, options.grpc_port, told)


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """Return a bound socket, so that a port in use is known before a model is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as err:
        passing = err.errno == errno.EADDRINUSE
        raise (TransientError if passing else PermanentError)(
            f"cannot listen on {host}:{port}: {(err.strerror or str(err)).lower()}",
            next_step=f"choose another {option}; 0 takes a free one",
        ) from err
    listening.setblocking(False)
    return listening


def end_with_stdin() -> None:
    """Send SIGTERM to this very process when stdin ends."""
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def now() -> str:
    """Return the time, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
