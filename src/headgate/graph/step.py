"""A step of a graph, and the continuous-training graph itself."""

from datetime import timedelta
from typing import Literal

import msgspec

from headgate.errors import PermanentError


class When(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison on a field of an earlier step's record."""

    step: str
    field: str
    operator: Literal["==", "!="]
    value: str

    def holds(self, record: bytes) -> bool:
        """Say whether the comparison is true of the record's JSON."""
        try:
            found = msgspec.json.decode(record)[self.field]
        except (msgspec.DecodeError, KeyError, TypeError) as err:
            raise PermanentError(
                f"the record of step {self.step!r} has no field {self.field!r}",
                found=record[:80].decode(errors="replace"),
            ) from err
        return (found == self.value) is (self.operator == "==")

    def __str__(self) -> str:
        return f"{self.step}.{self.field} {self.operator} {self.value}"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One verb in a graph: record in, record out."""

    verb: str
    reads: str | None = None
    """The step whose record this one is given."""
    when: When | None = None
    retries: int = 2
    """How often a transient end (exit 75) is tried again."""
    deadline: timedelta = timedelta(hours=2)
    pure: bool = True
    """Same inputs, same record: may be skipped when its inputs were seen before."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps that must have ended well before it."""
        named = (self.reads, self.when.step if self.when else None)
        return tuple(dict.fromkeys(verb for verb in named if verb is not None))


CONTINUOUS_TRAINING: tuple[Step, ...] = (
    Step(verb="collect", pure=False),
    Step(verb="validate", reads="collect"),
    Step(verb="train", reads="validate", when=When(step="validate", field="outcome", operator="!=", value="fail")),
    Step(verb="evaluate", reads="train"),
    Step(verb="gate", reads="evaluate"),
    Step(
        verb="propose",
        reads="gate",
        when=When(step="gate", field="outcome", operator="==", value="pass"),
        pure=False,
    ),
    Step(verb="track", reads="gate", pure=False),
)


def check(graph: tuple[Step, ...]) -> None:
    """Refuse a graph in which a step reads or asks about one that does not come before it, or a verb comes twice."""
    seen: set[str] = set()
    for step in graph:
        if step.verb in seen:
            raise PermanentError(f"step {step.verb!r} is in the graph twice")
        for needed in step.needs:
            if needed not in seen:
                raise PermanentError(f"step {step.verb!r} needs {needed!r}, which is not before it")
        seen.add(step.verb)
