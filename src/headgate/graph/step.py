"""A step of a graph, and the graphs: continuous training, promotion to the next environment, measuring."""

from datetime import timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from headgate.errors import PermanentError

World = Literal["source", "store", "desired", "forge", "tracker"]
"""What of the world a step may touch: rows, store, the env repo to read, the env repo to propose to, the tracker."""


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


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """What a step's pod asks for; memory is its limit too, so that a neighbour never pays for it."""

    cpu: str = "500m"
    memory: str = "1Gi"


LARGE = Resources(cpu="1", memory="2Gi")
"""Holds rows: the demo's 230,000 rows take 0.7 GiB in `train`, and a fit doubles what it is given."""


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
    begins: str | None = None
    """The run's parameter that names the record to start from, where no step made it."""
    takes: tuple[str, ...] = ()
    """The run's parameters that the verb is given as `--name value`; an empty one counts as not given."""
    touches: tuple[World, ...] = ("store",)
    """It is given these credentials and no others."""
    resources: Resources = Resources()

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps that must have ended well before it."""
        named = (self.reads, self.when.step if self.when else None)
        return tuple(dict.fromkeys(verb for verb in named if verb is not None))


GATE = Step(verb="gate", reads="evaluate", takes=("environment",), touches=("store", "desired"))
PROPOSE = Step(
    verb="propose",
    reads="gate",
    when=When(step="gate", field="outcome", operator="==", value="pass"),
    pure=False,
    takes=("environment", "run", "as-of"),
    touches=("store", "forge"),
)

CONTINUOUS_TRAINING: tuple[Step, ...] = (
    Step(verb="collect", pure=False, takes=("as-of", "gate-from"), touches=("source", "store"), resources=LARGE),
    Step(verb="validate", reads="collect", resources=LARGE),
    Step(
        verb="train",
        reads="validate",
        when=When(step="validate", field="outcome", operator="!=", value="fail"),
        takes=("checkout",),
        resources=LARGE,
    ),
    Step(verb="evaluate", reads="train", takes=("environment",), touches=("store", "desired"), resources=LARGE),
    GATE,
    replace(PROPOSE, takes=("environment", "trigger", "run", "as-of")),
    Step(verb="track", reads="gate", pure=False, takes=("run",), touches=("store", "tracker")),
)
"""Rows to a pull request on the first environment."""

PROMOTION: tuple[Step, ...] = (
    Step(verb="evaluate", begins="model", takes=("environment",), touches=("store", "desired"), resources=LARGE),
    GATE,
    PROPOSE,
)
"""A model that is live in one environment to a pull request on the next: judged anew, against the champion there."""

MEASURING: tuple[Step, ...] = (
    Step(
        verb="drift",
        pure=False,
        takes=("environment", "as-of"),
        touches=("source", "store", "desired"),
        resources=LARGE,
    ),
)
"""The last matured window of served answers, joined to its labels and compared; it starts nothing."""


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


def asked(graph: tuple[Step, ...], verb: str) -> tuple[str, ...]:
    """Return the fields of a step's record that later steps compare."""
    return tuple(dict.fromkeys(step.when.field for step in graph if step.when and step.when.step == verb))
