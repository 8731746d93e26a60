"""Every service in every environment, a line each."""

from collections.abc import Sequence

from headgate.names import short
from headgate.why import Row
from headgate.wording import day

HEADS = ("environment", "service", "live", "since", "state", "open", "bans")
NOTHING = "no service in any environment\n  next: headgate propose, after a run that passed\n"


def text(rows: Sequence[Row]) -> str:
    """Return what is live and what waits, in promotion.yaml's order."""
    if not rows:
        return NOTHING
    cells = [HEADS, *(told(row) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(HEADS))]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in padded) + "\n"


def told(row: Row) -> tuple[str, ...]:
    """Return a row's cells: what main names is said where it is not what is live."""
    live = short(row.live) if row.live else "-"
    state = f"{row.state}: {short(row.named)}" if row.named and row.named != row.live else row.state
    pulls = ", ".join(f"#{number}" for number in row.open) or "-"
    return (row.environment, row.service, live, day(row.since), state, pulls, str(row.bans) if row.bans else "-")
