"""Which labels of answered rows can be asked for: those that could have come, not only those that came early."""

from datetime import UTC, datetime

import polars as pl

from headgate.cli.observing import Observer
from headgate.cli.wiring import Project
from headgate.records.dataset import Window


def matured(project: Project, times: pl.Series, now: datetime) -> pl.DataFrame:
    """Return `id` and `label` of the source's rows at these event times whose labels could have come by now."""
    first, last = (at.replace(tzinfo=UTC) for at in (times.min(), times.max()) if isinstance(at, datetime))
    end = min(last + datetime.resolution, now - project.spec.data.label.matures_after)
    if end <= first:
        return pl.DataFrame(schema={"id": pl.String, "label": pl.String})
    return Observer(project).told(Window(start=first, end=end))
