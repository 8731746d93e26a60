"""Moments on the command line: ISO 8601, UTC when no zone is given."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from headgate.errors import UsageError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str | None) -> datetime | None:
    """Return the moment `text` names, or refuse it; an empty text, which templates give, names none."""
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as err:
        raise UsageError(f"{text!r} is not a moment", next_step="write 2013-05-19 or 2013-05-19T06:00") from err
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def day(at: datetime | None) -> str:
    """Return the day people read, or a dash."""
    return f"{at:%Y-%m-%d}" if at else "-"


AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Now, in event time; default: after the last row.", metavar="MOMENT")
]
GateFrom = Annotated[
    str | None, typer.Option("--gate-from", help="Gate rows start here, not before.", metavar="MOMENT")
]
