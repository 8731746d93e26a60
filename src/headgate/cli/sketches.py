"""Servers' sketches as a window of served rows: read, added up, compared with the champion's training rows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path

from headgate.cli import references
from headgate.cli.observing import aligned
from headgate.cli.standing import Standing
from headgate.cli.wiring import Project
from headgate.drift.sketch import Sketch, merge
from headgate.drift.sketched import report
from headgate.errors import PermanentError
from headgate.models.loading import load
from headgate.names import short
from headgate.records.codec import decode
from headgate.records.dataset import Window
from headgate.records.live import DriftReport
from headgate.records.model import Model

DAY = timedelta(days=1)


def compare(project: Project, standing: Standing, champion: Model, files: Sequence[Path], now: datetime) -> DriftReport:
    """Return the drift of the last whole window that the sketches hold rows of."""
    whole = reduce(merge, [read(file) for file in files])
    if whole.model != champion.sha256:
        raise PermanentError(
            f"the sketches are of model {short(whole.model)}, and {short(champion.sha256)} is live in "
            f"{standing.environment}",
            next_step="give what /sketch of the champion's servers says",
        )
    reference = references.kept(project, champion, load(project.store.folder(champion.uri), champion.sha256))
    window = last_window(whole, project.spec.drift.window, now)
    return report(whole, reference, project.spec.drift, window, environment=standing.environment)


def read(file: Path) -> Sketch:
    """Return the sketch in a file."""
    try:
        content = file.read_bytes()
    except OSError as err:
        raise PermanentError(
            f"no sketch {str(file)!r}: {err.strerror}", next_step="curl -s http://SERVER/sketch > FILE"
        ) from err
    return decode(content, Sketch, f"sketch {str(file)!r}")


def last_window(sketch: Sketch, length: timedelta, now: datetime) -> Window:
    """Return the newest window that is over and has a sketched day in it."""
    days = [datetime.fromisoformat(day.day).replace(tzinfo=UTC) for day in sketch.days]
    past = [day for day in days if day < now]
    found = list(aligned(length, past[0] - length, min(now, past[-1] + DAY + length))) if past else []
    held = [window for window in found if any(window.start <= day < window.end for day in days)]
    if not held:
        raise PermanentError(
            f"the sketches hold no rows of a window of {length.days} days that is over by {now:%Y-%m-%d %H:%M}",
            next_step="wait for its end, or give --as-of",
        )
    return held[-1]
