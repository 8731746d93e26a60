"""When does a loop start a run? When its trigger is due, nobody runs it, and no canary is under way."""

import asyncio

import pytest

from headgate.cli.loop import Ended, Loop
from headgate.cli.observing import Observer
from headgate.cli.wiring import open_project
from headgate.local.history import CONTEXT
from headgate.names import Name
from headgate.records.live import Trigger
from unit.cli.terminal import Terminal


def test_a_run_waits_until_the_canary_is_over(live: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be judged against a champion about to go, and train beside three servers."""
    live("trigger", "--person", "look")
    project = open_project(live.folder / "service.yaml", None)
    commit = project.forge.log("env/prod/orders", project.forge.head() or "", 1)[0].commit  # type: ignore[arg-type]
    loop = Loop(project, Name("prod"), Observer(project), lambda *_: None)
    started: list[Trigger] = []

    async def run(trigger: Trigger) -> Ended:
        started.append(trigger)
        return Ended(code=0, validation=None, verdict=None, proposed=None)

    monkeypatch.setattr(loop, "run", run)
    project.forge.set_status(commit, CONTEXT, "pending", "canary at 10 %")
    asyncio.run(loop.look(project.clock()))
    beside = len(started)
    project.forge.set_status(commit, CONTEXT, "success", "live")
    asyncio.run(loop.look(project.clock()))

    assert (0, 1) == (beside, len(started))
