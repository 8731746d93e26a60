"""headgate up."""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.exchange import write
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.errors import TransientError
from headgate.names import Name

app = typer.Typer(add_completion=False)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@app.command()
def up(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    port: Annotated[int, typer.Option("--port", "-p", help="Of the router; 0: any free one.", min=0, max=65535)] = 8080,
    every: Annotated[
        float,
        typer.Option(
            "--every", help="Seconds between looks for matured windows and triggers.", metavar="SECONDS", min=0.1
        ),
    ] = 60.0,
) -> None:
    """Run the ring on this machine until Ctrl-C: what main names is served, a new one through a canary.

    What it answers is measured as its labels mature; a signal that counts starts the pipeline, once.
    """
    project = open_project(service, workspace)
    standing = project.live(environment)
    with alone(project.workspace.root / "ring"):
        asyncio.run(run(project, standing.environment, port, every))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the workspace's ring: two would start the same servers and judge the same canary twice."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            lock.seek(0)
            raise TransientError(
                f"another `headgate up` runs in workspace {str(folder.parent)!r}",
                found=f"process {lock.read().strip() or 'unknown'}",
                next_step="stop it first, or give this one a --workspace of its own",
            ) from err
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


async def run(project: Project, environment: Name, port: int, every_seconds: float) -> None:
    """Run the ring and its way back until a signal; then end all of it in good order."""
    from headgate.cli.closing import close_the_loop
    from headgate.cli.ringing import ring_of

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    ring = ring_of(project, environment, tell)
    async with ring.running(port):
        say(*welcome(project, environment, ring.url))
        if ring.state.stable:
            say(f"serving {ring.state.stable.revision.model[:12]}, as before")
        elif ring.history.wanted() is None:
            say("nothing is merged yet: `headgate run` opens a pull request, `headgate pr merge NUMBER` merges it")
        closing = asyncio.create_task(close_the_loop(project, environment, tell, every_seconds))
        await stopping.wait()
        say("ending: requests in flight are answered, then the servers end")
        closing.cancel()
        await asyncio.wait([closing])
    say("ended; `headgate up` goes on where this one ended")


def welcome(project: Project, environment: Name, url: str) -> Iterator[str]:
    """Yield what a person needs to send a first request."""
    name = project.spec.service
    yield f"ring of {name} in {environment}: {url}  (Ctrl-C ends it)"
    yield f"  is it ready?  curl -i {url}/v2/models/{name}/ready"
    yield f"  what it takes curl -s {url}/v2/models/{name}"
    example = project.workspace.root / "ring" / environment / name / "example.json"
    with suppress(KeyError, ValueError):
        write(example, example_of(project))
        yield f"  ask it        curl -s {url}/v2/models/{name}/infer -H 'content-type: application/json' -d @{example}"


def example_of(project: Project) -> bytes:
    """Return a made-up request of now that keeps to the contract: another day's would begin windows of drift."""
    import polars as pl

    from headgate.local.traffic import body
    from headgate.serve.door.admission import Door
    from headgate.serve.model.warming import made_up

    door = Door(project.contract, project.spec)
    rows = door.frame(made_up(door, 1))
    texts = [name for name in project.spec.data.id if rows.schema[name] == pl.String]
    rows = rows.with_columns(pl.col(name).replace("", "example") for name in texts)
    if (time := project.spec.data.time) and time in rows.columns:
        now = pl.lit(project.clock().replace(microsecond=0, tzinfo=None))
        rows = rows.with_columns(now.cast(rows[time].dtype).alias(time))
    return body(rows, door.datatypes)


def tell(name: str, outcome: str, detail: str, at: datetime | None = None) -> None:
    """Print what happened, in wall time."""
    say(f"{at or datetime.now(UTC):%H:%M:%S}  {name:<9} {outcome:<10} {detail}")


def say(*lines: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
