"""What a model takes and gives: names, kinds, categories."""

from typing import Literal

from headgate.names import NameField
from headgate.records.codec import Part, Record
from headgate.specs.service import Task


class Feature(Part, frozen=True, kw_only=True):
    """One input column."""

    name: str
    kind: Literal["number", "category"]
    categories: tuple[str, ...] = ()
    """Code 0, 1, … in this order; any other value is unknown, which is the same as missing."""


class Signature(Record, frozen=True, kw_only=True, tag="signature/1"):
    """The inputs of a model in the order of its matrix, and the meaning of its output."""

    service: NameField
    task: Task
    classes: tuple[str, ...]
    """binary: (negative, positive), the model gives P(positive); multiclass: one column each; regression: none."""
    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)
