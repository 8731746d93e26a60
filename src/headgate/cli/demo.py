"""headgate demo."""

import asyncio
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from msgspec.structs import replace

from headgate.adapters.durable import remove
from headgate.adapters.forges.gitdir import GitDir
from headgate.cli.exchange import say
from headgate.cli.incidents import ask_again, playable, poisoned, slow_settings
from headgate.cli.loop import Ended, Loop
from headgate.cli.moments import moment
from headgate.cli.observing import Observer
from headgate.cli.ringing import ring_of
from headgate.cli.story import write_story
from headgate.cli.telling import Teller
from headgate.cli.wiring import AUTHOR, Project, WorkspaceFolder, open_project
from headgate.cli.workspace import Workspace
from headgate.desired import file_path, initial
from headgate.errors import PermanentError, UsageError
from headgate.local import supervise
from headgate.local.replay import EventClock, Replay
from headgate.local.ring import Ring
from headgate.local.traffic import Client
from headgate.names import Name
from headgate.records.change import Edit
from headgate.records.live import RolloutState
from headgate.serve.door.admission import Door
from headgate.specs.environment import Serving

app = typer.Typer(add_completion=False)
ENVIRONMENT = Name("prod")
WORKSPACE = Path(".headgate/demo")
REVIEWER = "reviewer"
SERVING = """\
# How the model is run here. The demo's days pass in tenths of a second, so a canary step lasts by answers, not minutes.
replicas: 1
canary:
  steps: [10, 25, 50]
  pause: PT0S
  min_requests: 100
  step_requests: 1200
  deadline: P30D
  questions: [errors, p99]
  limits: {errors: 0.01, p99_ms: 50}
"""
SLOW_DAY = datetime(2013, 11, 2, tzinfo=UTC)
ASK_AGAIN_DAY = datetime(2013, 11, 9, tzinfo=UTC)
POISON_DAY = datetime(2013, 11, 20, tzinfo=UTC)


@app.command()
def demo(
    service: Annotated[Path, typer.Option("--service", "-s", help="The flights, or your copy of them.")] = Path(
        "examples/flights/service.yaml"
    ),
    workspace: WorkspaceFolder = None,
    live_from: Annotated[str, typer.Option("--live-from", help="When the first model goes live.")] = "2013-04-01",
    until: Annotated[str, typer.Option("--until", help="End of the replay.")] = "2013-12-31",
    out: Annotated[Path, typer.Option("--out", help="Where the outcome is written.")] = Path("demo.json"),
) -> None:
    """Show the whole ring on this machine, on a year of real flights: no cluster, no network."""
    start, end = moment(live_from), moment(until)
    if start is None or end is None or start >= end:
        raise PermanentError(f"nothing to replay from {live_from!r} to {until!r}")
    if not service.exists():
        raise UsageError(f"there is no {str(service)!r} here", next_step="run it in Headgate's repository: make demo")
    root = (workspace or WORKSPACE).resolve()
    playable(open_project(service, root))
    empty(root)
    told = Demo(service, root, start, end, out)
    say(f"Training the first model, to go live on {live_from}; then its year is replayed until {until}.")
    with told.teller.timeline:
        asyncio.run(told.play())
    where = f"-s {from_here(service)} -w {from_here(root)}"
    say("next, any of, after `. .venv/bin/activate`:")
    say(f"  headgate why {where}")
    say(f"  headgate pr list --all {where}")
    say(f"  git -C {from_here(root / 'env.git')} log --stat main")


def from_here(path: Path) -> str:
    """Return a path as one types it: relative where it is below this folder."""
    whole, here = path.resolve(), Path.cwd()
    return shlex.quote(str(whole.relative_to(here) if whole.is_relative_to(here) else whole))


def empty(root: Path) -> None:
    """Leave an empty workspace: an earlier demo's is cleared, anybody else's folder is refused.

    Somebody's HEADGATE_WORKSPACE may be the one with their env repo.
    """
    mark = Workspace(root).demo
    if root != WORKSPACE.resolve() and not mark.exists() and root.exists() and any(root.iterdir()):
        raise PermanentError(
            f"{str(root)!r} is no demo's workspace, and the demo would delete what is in it",
            next_step="give --workspace a folder that is empty or not there yet",
        )
    root.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for left in root.iterdir():
        if left != mark:
            remove(left)


class Demo:
    """One telling of the story: a fresh workspace, a year, two incidents."""

    def __init__(self, service: Path, root: Path, start: datetime, end: datetime, out: Path) -> None:
        self.start, self.end, self.out = start, end, out
        self.clock = EventClock(start)
        self.project = open_project(service, root, self.clock)
        self.teller = Teller(self.clock, start, end, self.project.workspace.runs)
        self.rows = pl.DataFrame()
        self.seen: RolloutState | None = None

    async def play(self) -> None:
        """Tell the whole story."""
        project, teller = self.project, self.teller
        GitDir.create(project.workspace.env, first_files(project), AUTHOR, self.clock)
        self.rows = project.read_rows(None, datetime.now(UTC))
        spec = project.spec
        loop = Loop(project, ENVIRONMENT, Observer(project, self.rows), teller.tell)
        self.clock.now = self.start + spec.data.label.matures_after
        first = await loop.pipeline("first", "--as-of", self.clock.now.isoformat())
        self.review(first)
        ring = ring_of(project, ENVIRONMENT, teller.tell)
        teller.follow(ring, loop)
        try:
            async with ring.running():
                await until_live(ring)
                await self.replay(ring, loop)
        finally:
            await loop.close()
        write_story(self.out, teller, loop, ring, self.rows)

    async def replay(self, ring: Ring, loop: Loop) -> None:
        """Send the year through the ring, and the same rows to the frozen first model beside it."""
        project = self.project
        door = Door(project.contract, project.spec)
        time_column = str(project.spec.data.time)
        async with (
            supervise.running(self.frozen(ring)) as frozen,
            Client(ring.url, project.spec.service, door.datatypes, step=lambda: ring.sending) as client,
            Client(frozen.url, project.spec.service, door.datatypes, concurrency=1) as beside,
        ):
            self.teller.client = client
            player = Replay(ring, client, self.clock, time_column)
            self.clock.now = self.start

            async def evening(flown: pl.DataFrame) -> None:
                await beside.send(iter([flown]) if flown.height else iter([]))
                ended = await loop.look(self.clock.now)
                if ended:
                    self.review(ended)
                await self.incidents(ring, loop)
                # A day passes in a tenth of a second: let what a merge or a canary's end sets going happen on its day.
                if ended or ring.state != self.seen:
                    await ring.settled()
                    self.seen = ring.state

            await player.days(self.rows, self.end, evening)

    def frozen(self, ring: Ring) -> supervise.Launch:
        """Return how the first model is served beside the ring: the control arm."""
        project = self.project
        target = ring.state.stable
        if target is None:
            raise PermanentError("nothing is live")
        version, _ = ring.history.at(target.commit)
        return supervise.serve(
            "frozen",
            project.workspace.root / "frozen",
            model=project.store.folder(project.model_uri(version.model.sha256)),
            sha256=version.model.sha256,
            service_file=project.service_file,
            serving=Serving(),
            more=("--log-dir", str(project.workspace.root / "frozen" / "predictions"), "--flush-seconds", "0"),
        )

    def review(self, ended: Ended) -> None:
        """Do what the reviewer does: read the verdict, merge what passed."""
        self.teller.judged(ended)
        pull = ended.proposed.pull_request if ended.proposed else None
        if pull is None or pull.state != "open":
            return
        merged = self.project.forge.merge(pull.number, REVIEWER, self.clock.now)
        self.teller.tell("merge", "merged", f"#{merged.number} by {REVIEWER}")

    async def incidents(self, ring: Ring, loop: Loop) -> None:
        """Stage what can go wrong, on its day."""
        if self.clock.now == SLOW_DAY:
            slow_settings(self.project, ENVIRONMENT, self.teller)
            await ring.settled()
            self.teller.fault_begins()
        if self.clock.now == ASK_AGAIN_DAY:
            ask_again(self.project, ENVIRONMENT, self.teller)
        if self.clock.now == POISON_DAY:
            path = poisoned(self.project, self.rows)
            self.teller.stopped(
                await loop.pipeline("poisoned", "--as-of", self.clock.now.isoformat(), "--source", str(path))
            )


def first_files(project: Project) -> list[Edit]:
    """Return the env repo's first files, with the demo's canary plan."""
    path = file_path(ENVIRONMENT, project.spec.service, "serving.yaml")
    return [
        replace(edit, text=SERVING) if edit.path == path else edit
        for edit in initial([ENVIRONMENT], project.spec.service)
    ]


async def until_live(ring: Ring, deadline_seconds: float = 60.0) -> None:
    """Wait until the ring serves."""
    deadline = time.monotonic() + deadline_seconds
    while ring.state.stable is None:
        if time.monotonic() > deadline:
            raise PermanentError("nothing went live", next_step="read the ring's logs")
        await asyncio.sleep(0.05)
