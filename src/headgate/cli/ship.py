"""headgate ship."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Protocol

import typer

from headgate.adapters.answers import Shipping, place
from headgate.cli.fetch import open_store
from headgate.errors import TransientError, UsageError
from headgate.names import name

app = typer.Typer(add_completion=False)
ENDING = (signal.SIGTERM, signal.SIGINT)
POLL_SECONDS = 0.5


class Destination(Protocol):
    """Where a log goes."""

    def ship(self) -> int:
        """Send every whole line that is new; return how many bytes that was."""


@app.command()
def ship(
    log_dir: Annotated[Path, typer.Option("--log-dir", help="Where `headgate serve` logs its answers.")],
    service: Annotated[str, typer.Option("--name", help="The service's name.")],
    environment: Annotated[str, typer.Option("--environment", "-e", help="The environment's name.")],
    store: Annotated[
        str | None, typer.Option("--store", envvar="HEADGATE_STORE", help="`s3://<bucket>[/<prefix>]` or `file:///…`.")
    ] = None,
    kafka: Annotated[
        Path | None, typer.Option("--kafka", help="ship.yaml: a topic that gets it, too or instead.", metavar="FILE")
    ] = None,
    every: Annotated[float, typer.Option("--every", help="Seconds between two sendings.")] = 300.0,
    quiet: Annotated[
        float, typer.Option("--quiet", help="Asked to end: so many seconds without a new answer end it.")
    ] = 10.0,
) -> None:
    """Send what a server logs to the store or a topic, beside it in its pod, until seconds after it is asked to end."""
    where = place(name(environment, "environment"), name(service, "service"))
    destinations = list(opened(log_dir, where, store, kafka))
    if not destinations:
        raise UsageError("neither --store nor --kafka says where to", next_step="headgate ship --help")
    ending = threading.Event()
    for number in ENDING:
        signal.signal(number, lambda *_: ending.set())
    last = time.monotonic()
    while not (ending.is_set() and time.monotonic() - last > quiet):
        if sum(sent(destination) for destination in destinations):
            last = time.monotonic()
        if ending.is_set():
            time.sleep(POLL_SECONDS)
        elif ending.wait(every):
            last = time.monotonic()


def opened(log_dir: Path, where: str, store: str | None, kafka: Path | None) -> Iterator[Destination]:
    """Yield where the log goes."""
    if store:
        yield Shipping(open_store(store, log_dir / ".store"), log_dir, where)
    if kafka:
        from headgate.adapters.kafka.shipping import TopicShipping
        from headgate.specs.reading import read
        from headgate.specs.stream import LogTopic, checked_topic

        yield TopicShipping(checked_topic(read(kafka, LogTopic)), log_dir)


def sent(destination: Destination) -> int:
    """Send what is new; return how many bytes that was. What cannot be sent now is sent the next time."""
    try:
        return destination.ship()
    except TransientError as err:
        print("\n".join(err.lines()), file=sys.stderr, flush=True)
        return 0
