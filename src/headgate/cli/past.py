"""What became of each trigger? Its run waits, runs, gave an answer, or failed; the records of its folder say which."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from headgate.cli.exchange import R, write
from headgate.cli.wiring import Project
from headgate.graph.engines.holding import is_held
from headgate.graph.step import CONTINUOUS_TRAINING
from headgate.names import Digest, Name
from headgate.records.codec import decode, encode
from headgate.records.dataset import ValidationReport
from headgate.records.judgement import Verdict
from headgate.records.live import LiveTag, Trigger
from headgate.specs.service import Service
from headgate.trigger import ATTEMPTS, ONE_IS_ENOUGH, PastRun

BEGUN = "trigger.json"
"""In a run's folder: the trigger, and with it the attempt, to which the records beside it belong."""


def path_of(project: Project, key: str) -> Path:
    return project.workspace.root / "triggers" / f"{key}.json"


def keep(project: Project, made: Trigger) -> None:
    """Keep a trigger, so that its run is started once, by whoever comes."""
    path = path_of(project, made.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, encode(made))


def folder_of(project: Project, made: Trigger) -> Path:
    """Return the folder of the run that answers a trigger."""
    return project.workspace.runs / run_of(made)


def run_of(made: Trigger) -> str:
    return f"ct-{made.service}-{made.key}"


def runs(project: Project, environment: Name, tags: Collection[LiveTag]) -> list[PastRun]:
    """Return what became of every trigger of an environment, the oldest first."""
    promoted = {tag.revision.model for tag in tags if tag.outcome == "live"}
    files = (project.workspace.root / "triggers").glob("*.json")
    made = [decode(path.read_bytes(), Trigger, str(path)) for path in files]
    own = [one for one in made if (one.service, one.environment) == (project.spec.service, environment)]
    return [past_run(one, folder_of(project, one), promoted) for one in sorted(own, key=lambda one: (one.at, one.key))]


def past_run(made: Trigger, folder: Path, promoted: Collection[Digest]) -> PastRun:
    """Return how the run of a trigger ended: by a verdict, at validation, without an answer, or not yet."""
    is_running = is_held(folder / ".lock")  # asked first: what ends meanwhile has left its records by then
    begun = found(folder / BEGUN, Trigger)
    if begun and begun.attempt < made.attempt:  # the next attempt is decided, and has not begun
        return PastRun(trigger=made, verdict=None, ended=False, code=made.code)
    verdict, validation = found(folder / "gate.json", Verdict), found(folder / "validate.json", ValidationReport)
    if verdict and (verdict.outcome != "pass" or (folder / "propose.json").exists()):
        return PastRun(
            trigger=made,
            verdict=verdict.outcome,
            ended=True,
            ended_at=verdict.judged_at,
            promoted=verdict.model.sha256 in promoted,
            code=verdict.model.code,
        )
    refused = validation is not None and validation.outcome == "fail"
    failed = begun is not None and not refused and not is_running
    return PastRun(trigger=made, verdict=None, ended=refused, failed=failed, code=made.code)


def found(path: Path, kind: type[R]) -> R | None:
    """Return a record of a run's folder; a run that begins removes what the one before it left."""
    try:
        return decode(path.read_bytes(), kind, str(path))
    except FileNotFoundError:
        return None


class Attempt:
    """Marks that a run has begun, for its trigger's history; a person who stops it takes the mark back."""

    def __init__(self, folder: Path, trigger: Trigger | None) -> None:
        self.mark = folder / BEGUN
        self.trigger = trigger
        self.begun = False

    def begin(self) -> None:
        """Say to which attempt the records in the folder belong from now on."""
        self.begun = True
        if self.trigger:
            write(self.mark, encode(self.trigger))
        else:
            self.mark.unlink(missing_ok=True)

    @contextmanager
    def stopped_by_nobody(self) -> Iterator[None]:
        """Take the mark back on Ctrl-C and SIGTERM: what was stopped has not failed, and goes on as this attempt."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            if self.begun:
                self.mark.unlink(missing_ok=True)
            raise


def due(made: Trigger, spec: Service) -> datetime:
    """Return when a trigger's run may start: a measured one's gate rows, after its window, have all matured."""
    return made.window.end + spec.split.gate + spec.data.label.matures_after if is_measured(made, spec) else made.at


def is_measured(made: Trigger, spec: Service) -> bool:
    """Say whether a trigger rests on a window of event time, after which its candidate is judged."""
    return made.cause not in ONE_IS_ENOUGH and spec.data.time is not None


def command(made: Trigger, project: Project) -> str:
    """Return how a person starts the run that answers a trigger."""
    after = f" --gate-from {made.window.end.isoformat()}" if is_measured(made, project.spec) else ""
    return f"headgate run --trigger {path_of(project, made.key)}{after}"


def hanging(run: PastRun, project: Project) -> Iterator[str]:
    """Yield what a person should know of a trigger whose run has not answered."""
    made, name, folder = run.trigger, run_of(run.trigger), folder_of(project, run.trigger)
    if run.given_up:
        step = f"mend it, then {command(made, project)}"
        yield f"run {name} was given up: {ATTEMPTS} attempts failed, the last at {what_failed(folder)}; {step}"
    elif run.failed:
        told = f"attempt {made.attempt} of {ATTEMPTS} of run {name} failed at {what_failed(folder)}"
        yield f"{told}; `headgate up` and `headgate trigger` start the next"
    elif not run.ended and not is_held(folder / ".lock"):
        at = f"{due(made, project.spec):%Y-%m-%d %H:%M}"
        yield f"trigger {made.key} waits for its run: `headgate up` starts it from {at} on, or {command(made, project)}"


def what_failed(folder: Path) -> str:
    """Return the step that left no record, and the last line it said."""
    for step in CONTINUOUS_TRAINING:
        log = folder / f"{step.verb}.log"
        if log.exists() and not (folder / f"{step.verb}.json").exists():
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            return f"{step.verb}: {lines[-1].strip()[:200] if lines else 'it said nothing'}"
    return "its start"
