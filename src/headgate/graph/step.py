"""A step of a graph, and the graphs: continuous training, promotion to the next environment, measuring."""

from datetime import timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from headgate.errors import PermanentError

World = Literal["source", "store", "desired", "forge", "tracker", "files"]
"""What of the world a step may touch: rows, store, the env repo to read, the env repo to propose to, the tracker, the
volume with files that are scored."""


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


class Each(msgspec.Struct, frozen=True, kw_only=True):
    """A step that is run once for each item of a list in the record it reads."""

    field: str
    """The list of texts."""
    option: str
    """The verb's option that an item is given as."""
    at_once: int = 8
    """So many pods at a time; on one machine, its workers."""

    def items(self, record: bytes) -> list[str]:
        """Return the list in a record's JSON."""
        try:
            return msgspec.convert(msgspec.json.decode(record)[self.field], list[str])
        except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError) as err:
            raise PermanentError(
                f"a record has no list of texts {self.field!r}", found=record[:80].decode(errors="replace")
            ) from err


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
    each: Each | None = None
    after: str | None = None
    """A step that must have ended well, and whose record is not asked for."""
    retries: int = 2
    """How often a transient end (exit 75) is tried again."""
    deadline: timedelta = timedelta(hours=2)
    pure: bool = True
    """Same inputs, same record: may be skipped when its inputs were seen before."""
    begins: str | None = None
    """The run's parameter that names the record to start from, where no step made it."""
    takes: tuple[str, ...] = ()
    """The run's parameters that the verb is given as `--name value`; an empty one counts as not given."""
    files: tuple[str, ...] = ()
    """The run's parameters that name files of the volume; the verb is given them without a name, in this order."""
    touches: tuple[World, ...] = ("store",)
    """It is given these credentials and no others."""
    resources: Resources = Resources()

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps that must have ended well before it."""
        named = (self.reads, self.when.step if self.when else None, self.after)
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

SCORING: tuple[Step, ...] = (
    Step(
        verb="partition",
        pure=False,
        takes=("environment", "partitions", "rows-each", "part-rows"),
        files=("input", "output"),
        touches=("store", "desired", "files"),
    ),
    Step(
        verb="score",
        reads="partition",
        each=Each(field="shares", option="share"),
        retries=3,
        pure=False,
        touches=("store", "files"),
        resources=LARGE,
    ),
    Step(verb="gather", reads="partition", after="score", pure=False, touches=("files",), resources=LARGE),
)
"""Files of rows to a file of scores: divided among pods, by the model that is live when it begins."""


def check(graph: tuple[Step, ...]) -> None:
    """Refuse a graph in which a step reads or asks about one that does not come before it, or a verb comes twice."""
    seen: dict[str, Step] = {}
    for step in graph:
        if step.verb in seen:
            raise PermanentError(f"step {step.verb!r} is in the graph twice")
        for needed in step.needs:
            if needed not in seen:
                raise PermanentError(f"step {step.verb!r} needs {needed!r}, which is not before it")
        if step.each and not step.reads:
            raise PermanentError(f"step {step.verb!r} is run for each {step.each.option!r} of a record, and reads none")
        if manifold := [verb for verb in (step.reads, step.when and step.when.step) if verb and seen[verb].each]:
            raise PermanentError(f"step {step.verb!r} reads {manifold[0]!r}, which leaves a record for each item")
        seen[step.verb] = step


def asked(graph: tuple[Step, ...], verb: str) -> tuple[str, ...]:
    """Return the fields of a step's record that engines read: what later steps compare, and their lists."""
    compared = [step.when.field for step in graph if step.when and step.when.step == verb]
    listed = [step.each.field for step in graph if step.each and step.reads == verb]
    return tuple(dict.fromkeys([*compared, *listed]))


def lists(graph: tuple[Step, ...], verb: str) -> set[str]:
    """Return the fields of a step's record that are lists of items."""
    return {step.each.field for step in graph if step.each and step.reads == verb}
