"""headgate ship."""

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from headgate.adapters.answers import Shipping, place
from headgate.cli.fetch import open_store
from headgate.errors import TransientError
from headgate.names import name

app = typer.Typer(add_completion=False)
ENDING = (signal.SIGTERM, signal.SIGINT)
POLL_SECONDS = 0.5


@app.command()
def ship(
    log_dir: Annotated[Path, typer.Option("--log-dir", help="Where `headgate serve` logs its answers.")],
    service: Annotated[str, typer.Option("--name", help="The service's name.")],
    environment: Annotated[str, typer.Option("--environment", "-e", help="The environment's name.")],
    store: Annotated[
        str, typer.Option("--store", envvar="HEADGATE_STORE", help="`s3://<bucket>[/<prefix>]` or `file:///…`.")
    ],
    every: Annotated[float, typer.Option("--every", help="Seconds between two sendings.")] = 300.0,
    quiet: Annotated[
        float, typer.Option("--quiet", help="Asked to end: so many seconds without a new answer end it.")
    ] = 10.0,
) -> None:
    """Send what a server logs to the store, beside it in its pod, until some seconds after it is asked to end."""
    where = place(name(environment, "environment"), name(service, "service"))
    shipping = Shipping(open_store(store, log_dir / ".store"), log_dir, where)
    ending = threading.Event()
    for number in ENDING:
        signal.signal(number, lambda *_: ending.set())
    last = time.monotonic()
    while not (ending.is_set() and time.monotonic() - last > quiet):
        try:
            if shipping.ship():
                last = time.monotonic()
        except TransientError as err:
            print("\n".join(err.lines()), file=sys.stderr, flush=True)
        if ending.is_set():
            time.sleep(POLL_SECONDS)
        elif ending.wait(every):
            last = time.monotonic()
