"""The way back beside a ring that serves: on a cadence, whatever goes wrong is said and tried again."""

import asyncio

from headgate.cli.loop import Ended, Loop
from headgate.cli.observing import Observation, Observer
from headgate.cli.ringing import renew_reverts
from headgate.cli.wiring import Project
from headgate.contract.times import show_window
from headgate.errors import HeadgateError
from headgate.local.rollout import Tell
from headgate.names import Name, short
from headgate.wording import counted


async def close_the_loop(project: Project, environment: Name, tell: Tell, every_seconds: float) -> None:
    """Measure, decide and retrain until cancelled; then the run that is under way is ended, to go on another time."""
    loop = Loop(project, environment, Observer(project), tell, asyncio.to_thread)
    loop.measured = lambda found: tell("measure", found.drift.outcome, summary(found))
    once = Once(tell)
    try:
        while True:
            try:
                await asyncio.to_thread(renew_reverts, project, environment, tell)
                ended = await loop.look(project.clock())
            except Exception as err:  # noqa: BLE001 - reader and features are anybody's code: no error of theirs may end the serving
                once.say(err)
            else:
                once.over()
                if ended:
                    tell(*told(ended))
            await asyncio.sleep(every_seconds)
    finally:
        await loop.end()


class Once:
    """Says an error once, until it is another one or over."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.said = ""

    def say(self, err: Exception) -> None:
        """Say it, unless it was the last thing said."""
        text = "; ".join(err.lines()) if isinstance(err, HeadgateError) else f"{type(err).__name__}: {err}"
        if text != self.said:
            self.tell("measure", "error", text)
        self.said = text

    def over(self) -> None:
        """Forget the trouble."""
        self.said = ""


def summary(found: Observation) -> str:
    """Return a window in one line: rows, what drifted, each metric beside the gate's."""
    report = found.drift
    drifted = [one.column for one in report.columns if one.outcome == "drifted"]
    few = f" of {report.rows_needed:,} needed" if report.rows < report.rows_needed else ""
    parts = [f"{show_window(report.window)}: {counted(report.rows, 'row')}{few}"]
    parts += [f"drifted: {', '.join(drifted[:5])}"] if drifted else []
    parts += [f"{one.metric} {one.value:.4f}, {one.reference:.4f} at the gate" for one in found.metrics]
    fired = [signal.rule for signal in found.signals if signal.fired]
    return "; ".join([*parts, f"fired: {', '.join(fired) or 'nothing'}"])


def told(ended: Ended) -> tuple[str, str, str]:
    """Return how a run ended, and what a person does next."""
    if ended.proposed and (pull := ended.proposed.pull_request):
        return "propose", pull.state, f"#{pull.number} {pull.title}; next: headgate pr show {pull.number}"
    if ended.verdict:
        against = [one for one in ended.verdict.findings if one.severity == "error" and one.outcome != "pass"]
        why = "; ".join(f"{one.rule}: {one.reason}" for one in against) or (ended.proposed and ended.proposed.reason)
        return "gate", ended.verdict.outcome, f"{short(ended.verdict.model.sha256)}: {why or 'nothing was proposed'}"
    if ended.validation and ended.validation.outcome == "fail":
        broken = [check for check in ended.validation.checks if check.outcome == "fail"]
        return "validate", "fail", "; ".join(f"{one.name} {one.column or ''}: {one.detail}" for one in broken[:3])
    return "run", "failed", f"exit {ended.code}; `headgate status` says where"
