"""One served model, one process: verified before it is read, ready once warm, drained before it ends."""

import asyncio
import errno
import gc
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import msgspec
import uvicorn

from headgate.adapters.durable import replace_file
from headgate.errors import PermanentError, TransientError
from headgate.features import FeatureFunction
from headgate.models.loading import load as load_model
from headgate.names import Digest, digest, short
from headgate.serve.app import App, Served
from headgate.serve.connection import Connection
from headgate.serve.dividing import LogOptions, divided
from headgate.serve.door import Door
from headgate.serve.experiment import ExperimentOptions
from headgate.serve.faults import FaultPlan
from headgate.serve.limits import Limits
from headgate.serve.log import Segment
from headgate.serve.meters import Meters
from headgate.serve.observing import ShadowOptions, observe
from headgate.serve.predictor import Predictor
from headgate.serve.recorder import Recorder
from headgate.serve.telling import telling_of
from headgate.serve.watched import app_of
from headgate.specs.contract import Contract
from headgate.specs.environment import Faults
from headgate.specs.reading import read
from headgate.specs.service import Service

if TYPE_CHECKING:
    from headgate.serve.grpc.listener import Listener

RETRY_SECONDS = 0.2
"""How soon log lines that the disk refused are tried again where every answer is written at once."""


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How one server process is run."""

    model: Path
    """The package's folder."""
    sha256: str
    """What Git says the package is."""
    service_file: Path
    """service.yaml; the contract and the owner's features function are found beside it."""
    host: str = "127.0.0.1"
    port: int = 0
    """0: any free one; the ready file says which."""
    grpc_port: int | None = None
    """Where V2 is answered over gRPC too; 0: any free one, none: nowhere."""
    ready_file: Path | None = None
    """Written once requests are answered: {"port", "pid", "model", "at"}, and "grpc_port" where there is one."""
    log_dir: Path | None = None
    """Where predictions are logged; none: they are not."""
    reference: Path | None = None
    """The model's drift reference, in whose bins answered rows are counted; none: in bins made from the contract."""
    shadow: ShadowOptions | None = None
    experiment: ExperimentOptions | None = None
    price_per_hour: float | None = None
    """Of this server, in any currency: the metrics then say what 1,000 predictions cost."""
    traces: str | None = None
    """Where spans are sent, as `http://collector:4318/v1/traces`; none: there are none."""
    log_requests: bool = False
    """Write a line of JSON to stderr for each prediction; never what was in it."""
    threads: int = 1
    faults: Faults = Faults()
    exit_with_parent: bool = False
    """End when stdin does, as it does when the process that holds its other end ends in any way."""
    limits: Limits = Limits()
    flush_seconds: float = 0.2
    """A killed process loses at most this much of its prediction log; 0: what is answered is written first."""
    linger_seconds: float = 0.5
    """After SIGTERM not ready any more, yet answering, while routers take note."""
    drain_seconds: float = 20.0
    """Then requests have this long to end."""


def run(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT, then drain; PermanentError when it cannot become ready."""
    if options.exit_with_parent:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    listening = bind(options.host, options.port)
    if options.grpc_port:
        bind(options.host, options.grpc_port, "--grpc-port").close()  # gRPC binds it itself, once the model is loaded
    try:
        served = prepare(options, digest(options.sha256))
        app = app_of(served, options.limits, traces=options.traces, log_requests=options.log_requests)
        server = Server(app, options, listening.getsockname()[1])
        server.run(sockets=[listening])
    finally:
        listening.close()


def prepare(options: ServeOptions, sha256: Digest) -> Served:
    """Return everything that is served, verified and warm."""
    loaded = load_model(options.model, sha256, options.threads)
    spec = read(options.service_file, Service)
    folder = options.service_file.parent
    contract = read(folder / spec.contract, Contract)
    if loaded.signature.service != spec.service:
        raise PermanentError(
            f"the model is one of service {loaded.signature.service!r}, and {options.service_file.name} describes "
            f"{spec.service!r}",
            next_step="serve it with its own service.yaml",
        )
    door = Door(contract, spec)
    predictor = Predictor(loaded, spec, features_function(spec, folder), door)
    if cold := predictor.warm_up(contract, list(door.types)):
        sys.stderr.write(f"not warmed up, for made-up rows are refused: {cold}\n")
    meters = Meters(spec.service, short(sha256))
    meters.registry.register(door.violations)
    background, documents = observe(
        predictor,
        contract,
        meters,
        reference=options.reference,
        shadow=options.shadow,
        price_per_hour=options.price_per_hour,
    )
    served = Served(
        door=door,
        predictor=predictor,
        meters=meters,
        faults=FaultPlan(options.faults),
        recorder=recorder_of(options, segment_of(predictor, door, sha256)),
        telling=telling_of(contract, spec, options.log_dir),
        background=background,
        documents=documents,
    )
    if options.experiment is None:
        return served
    log = LogOptions(options.log_dir, at_once=options.flush_seconds == 0)
    return divided(served, options.experiment, options.threads, log, partial(segment_of, predictor, door))


def features_function(spec: Service, folder: Path) -> FeatureFunction | None:
    """Return the owner's own function, None where every column is a feature as it is."""
    if spec.data.features is None:
        return None
    from headgate.adapters.usercode import load  # noqa: PLC0415 - most servers run no code but ours

    return load(spec.data.features, folder)


def recorder_of(options: ServeOptions, segment: Segment) -> Recorder | None:
    if options.log_dir is None:
        return None
    return Recorder(options.log_dir, segment, at_once=options.flush_seconds == 0)


def segment_of(predictor: Predictor, door: Door, sha256: Digest) -> Segment:
    spec, signature = predictor.spec, predictor.loaded.signature
    return Segment(
        service=spec.service,
        model=sha256,
        task=signature.task,
        classes=signature.classes if signature.task == "multiclass" else (),
        time=spec.data.time,
        id=spec.data.id,
        columns=door.types,
    )


class Server(uvicorn.Server):
    """Uvicorn that says when it is ready, and drains before it stops."""

    def __init__(self, app: App, options: ServeOptions, port: int) -> None:
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
        self.listener = listener_of(app, options)

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
            await asyncio.to_thread(self.flush)

    def flush(self) -> None:
        served = self.application.served
        if served.recorder:
            before = served.recorder.trouble
            served.recorder.flush()
            if (trouble := served.recorder.trouble) and trouble != before:
                sys.stderr.write(f"{trouble}; rows wait in memory until it takes them\n")
            served.meters.lost(served.recorder.forgive())


def listener_of(app: App, options: ServeOptions) -> "Listener | None":
    """Return what answers gRPC, where it is asked for."""
    if options.grpc_port is None:
        return None
    from headgate.serve.grpc.listener import Listener  # noqa: PLC0415 - its libraries are an extra

    return Listener(app, options.host, options.grpc_port)


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
