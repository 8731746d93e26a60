"""headgate ship."""

import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from headgate.adapters.answers import Destination, Shipping, free, place
from headgate.cli.fetch import open_store
from headgate.errors import HeadgateError, TransientError, UsageError
from headgate.names import name

app = typer.Typer(add_completion=False)
ENDING = (signal.SIGTERM, signal.SIGINT)
POLL_SECONDS = 0.5


@dataclass
class Sending:
    """What is sent to one destination."""

    destination: Destination
    works: bool = False
    """Something arrived there. What goes wrong from then on is said and tried again: its pod answers requests."""

    def send(self) -> int:
        """Send what is new; return how many bytes that was. What cannot be sent now is sent the next time."""
        try:
            count = self.destination.ship()
        except HeadgateError as err:
            if not (self.works or isinstance(err, TransientError)):
                raise
            print("\n".join(err.lines()), file=sys.stderr, flush=True)
            return 0
        self.works = self.works or count > 0
        return count


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
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete files once the store, and the topic if any, has all of them.")
    ] = False,
    quiet: Annotated[
        float, typer.Option("--quiet", help="Asked to end: so many seconds without a new answer end it.")
    ] = 10.0,
) -> None:
    """Send what a server logs to the store or a topic, beside it in its pod, until seconds after it is asked to end."""
    if delete and not store:
        raise UsageError(
            "--delete needs --store: a topic is read by nobody here", next_step="headgate ship --delete --store s3://…"
        )
    where = place(name(environment, "environment"), name(service, "service"))
    sendings = [Sending(destination) for destination in opened(log_dir, where, store, kafka)]
    if not sendings:
        raise UsageError("neither --store nor --kafka says where to", next_step="headgate ship --help")
    ending = threading.Event()
    for number in ENDING:
        signal.signal(number, lambda *_: ending.set())
    last = time.monotonic()
    while not (ending.is_set() and time.monotonic() - last > quiet):
        if sum(sending.send() for sending in sendings):
            last = time.monotonic()
        if delete:
            clean(log_dir, sendings)
        if ending.is_set():
            time.sleep(POLL_SECONDS)
        elif ending.wait(every):
            last = time.monotonic()


def clean(log_dir: Path, sendings: Sequence[Sending]) -> None:
    """Delete what is sent; what cannot be deleted now is deleted the next time."""
    try:
        free(log_dir, [sending.destination for sending in sendings])
    except HeadgateError as err:
        print("\n".join(err.lines()), file=sys.stderr, flush=True)


def opened(log_dir: Path, where: str, store: str | None, kafka: Path | None) -> Iterator[Destination]:
    """Yield where the log goes."""
    if store:
        yield Shipping(open_store(store, log_dir / ".store"), log_dir, where)
    if kafka:
        from headgate.adapters.kafka.shipping import TopicShipping
        from headgate.specs.reading import read
        from headgate.specs.stream import LogTopic, checked_topic

        yield TopicShipping(checked_topic(read(kafka, LogTopic)), log_dir)
