"""What a person asks for without a verdict: the way back, or other serving settings."""

from pathlib import Path

from headgate.cli.propose import Proposed, perform, situation
from headgate.cli.wiring import Project, is_named
from headgate.errors import PermanentError, UsageError
from headgate.local.history import History
from headgate.propose import revert, settings


def by_hand(
    project: Project, environment: str | None, back: tuple[str, str] | None, serving: Path | None, reason: str | None
) -> Proposed:
    """Open the pull request of a person's undo, or of other serving settings."""
    if back and serving:
        raise UsageError("--revert and --settings are two requests", next_step="make them one after the other")
    if back:
        return undo(project, back, environment, reason)
    if serving is None or not reason:
        raise UsageError("--settings needs --reason", next_step="say why: --reason TEXT")
    return other_settings(project, environment, serving, reason)


def undo(project: Project, back: tuple[str, str], environment: str | None, reason: str | None) -> Proposed:
    """Ask to restore what was live before what is live now; nothing is banned."""
    name, named = back
    is_named(project, name)
    if environment not in {None, named}:
        raise UsageError(f"--revert says {named!r} and --environment {environment!r}", next_step="leave one of them")
    here = situation(project, project.live(named))
    now = here.desired.revision(here.environment, project.spec.service)
    healthy = revert.target(here, project.spec.service, now) if now else None
    before = History(project.forge, here.environment, project.spec.service).texts(healthy.commit) if healthy else {}
    return perform(revert.undo(here, project.spec.service, before, reason or ""), project.forge)


def other_settings(project: Project, environment: str | None, file: Path, reason: str) -> Proposed:
    """Ask for serving.yaml to become what a file says."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "it is not UTF-8 text"
        raise PermanentError(
            f"{str(file)!r} cannot be read: {reason}", next_step="give --settings a YAML file"
        ) from err
    here = situation(project, project.live(environment))
    return perform(settings.plan(here, project.spec.service, text, reason), project.forge)
