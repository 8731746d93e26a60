"""What a person asks for without a verdict: the way back, or other serving settings."""

from pathlib import Path

from headgate.cli.wiring import Project, is_named
from headgate.errors import PermanentError, UsageError
from headgate.local.history import History
from headgate.propose import revert, settings
from headgate.propose.actions import Action, Situation
from headgate.records.live import Revision
from headgate.specs.environment import Serving
from headgate.specs.reading import parse


def asked_of(
    project: Project, environment: str | None, back: tuple[str, str] | None, serving: Path | None, reason: str | None
) -> str | None:
    """Return which environment a person's request is about; refuse one that contradicts itself."""
    if back and serving:
        raise UsageError("--revert and --settings are two requests", next_step="make them one after the other")
    if back is None:
        if not reason:
            raise UsageError("--settings needs --reason", next_step="say why: --reason TEXT")
        return environment
    name, named = back
    is_named(project, name)
    if environment not in {None, named}:
        raise UsageError(f"--revert says {named!r} and --environment {environment!r}", next_step="leave one of them")
    return named


def undo(project: Project, here: Situation, reason: str) -> tuple[Action, ...]:
    """Return how what was live before what is live now is restored; nothing is banned.

    Where the revert of a failed canary can no longer be merged, it is that one which is asked for anew.
    """
    service = project.spec.service
    for tag in here.tags:
        if tag.environment == here.environment and revert.stale(here, service, tag.commit):
            before = files_before(project, here, tag.revision)
            return revert.plan(tag.analyses[-1], here, before, analyses=tag.analyses)
    now = here.desired.revision(here.environment, service)
    return revert.undo(here, service, files_before(project, here, now) if now else {}, reason)


def files_before(project: Project, here: Situation, now: Revision) -> dict[str, str]:
    """Return the service's files as they were when another revision was last live."""
    healthy = revert.target(here, project.spec.service, now)
    return History(project.forge, here.environment, project.spec.service).texts(healthy.commit) if healthy else {}


def other_settings(project: Project, here: Situation, file: Path, reason: str) -> tuple[Action, ...]:
    """Return how serving.yaml becomes what a file says."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "it is not UTF-8 text"
        raise PermanentError(
            f"{str(file)!r} cannot be read: {reason}", next_step="give --settings a YAML file"
        ) from err
    parse(text, Serving, str(file))  # a complaint names the file that was given, not the one it would become
    return settings.plan(here, project.spec.service, text, reason)
