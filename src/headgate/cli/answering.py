"""What does a run answer? Its trigger, given as a file or as the text itself; without one, who or what began it."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.standing import Standing
from headgate.errors import PermanentError
from headgate.names import Digest, Name
from headgate.records.codec import decode
from headgate.records.live import Trigger
from headgate.specs.environment import CauseNote

TriggerGiven = Annotated[
    str | None,
    typer.Option("--trigger", help="The trigger this run answers: a file, or its JSON.", metavar="FILE"),
]


def answered(given: str | None) -> Trigger | None:
    """Return the trigger in a file or a text; None for none, or for the empty text that templates give."""
    if not given:
        return None
    if given.startswith("{"):
        return decode(given.encode(), Trigger, "the text of --trigger")
    try:
        return decode(Path(given).read_bytes(), Trigger, given)
    except OSError as err:
        raise PermanentError(
            f"no trigger {given!r}: {err.strerror}", next_step="`headgate trigger` says whether there is one"
        ) from err


def cause_note(trigger: Trigger | None, service: Name, model: Digest, standing: Standing) -> CauseNote:
    """Return why the model was made: its trigger; or what the environment before this one says; or a person."""
    if trigger is not None:
        return CauseNote(cause=trigger.cause, detail=trigger.detail, trigger=trigger.key)
    before = standing.desired.environment_order(standing.environment).after
    named = standing.desired.version(before, service) if before else None
    if named is not None and named.model.sha256 == model:
        return named.cause
    return CauseNote(cause="person", detail=f"`headgate run` by hand for {service}")
