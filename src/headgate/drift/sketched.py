"""How far is a sketched window from the reference? The same answer as from its rows, without them."""

from collections.abc import Iterable

from headgate.drift.compare import answer, judge, too_few
from headgate.drift.kept import ColumnReference, Reference
from headgate.drift.report import outcome
from headgate.drift.sketch import Sketch, SketchDay, within
from headgate.errors import PermanentError
from headgate.names import Digest, Name, short
from headgate.records.codec import digest
from headgate.records.dataset import Window
from headgate.records.live import ColumnDrift, DriftReport
from headgate.specs.drift import Drift


def report(sketch: Sketch, reference: Reference, policy: Drift, window: Window, *, environment: Name) -> DriftReport:
    """Return how far a window's sketched rows are from the reference: what `drift.report` says of the same rows."""
    named = digest(reference)
    if sketch.reference != named:
        raise PermanentError(
            f"the sketch's bins are those of {bins(sketch.reference)}, not of the reference {short(named)}",
            next_step="serve with --reference FILE, the model's drift reference",
        )
    counted = within(sketch, window)
    columns = tuple(compared(reference.columns, counted, policy))
    return DriftReport(
        service=reference.service,
        environment=environment,
        window=window,
        reference=named,
        rows=counted.rows,
        rows_needed=policy.min_rows,
        columns=columns,
        outcome=outcome(columns, policy),
    )


def bins(reference: Digest | None) -> str:
    return f"the reference {short(reference)}" if reference else "the contract"


def compared(columns: Iterable[ColumnReference], counted: SketchDay, policy: Drift) -> Iterable[ColumnDrift]:
    """Yield each reference column's drift."""
    for column in columns:
        found = counted.columns.get(column.name)
        if counted.rows < policy.min_rows:
            yield too_few(column, policy, counted.rows)
        elif found is None:
            yield answer(column, policy, "drifted", rows=0, missing=1.0, reason="not among the window's columns")
        else:
            yield judge(column, found, policy)
