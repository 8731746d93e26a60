"""Which tensor of a request is which input? Looked up once for each way in which clients write theirs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headgate.contract.request import unknown
from headgate.serve.door.violations import Violations
from headgate.serve.protocols.datatypes import DATATYPES
from headgate.serve.protocols.v2 import FLOATS, Tensor
from headgate.serve.refusal import RefusalError, quoted
from headgate.specs.contract import ColumnType, Contract

MOST_LAYOUTS = 256
"""Clients that write their inputs in ever new orders are read as well, and not remembered."""


class Layout(NamedTuple):
    """The places of a request's inputs."""

    numbers: tuple[int, ...]
    """Where the contract's numbers stand, in its order; none unless all are there, as floats."""
    others: Mapping[str, int]
    """Where all further inputs stand."""
    is_whole: bool
    """Nothing else is there, and nothing else is needed."""


class Layouts:
    """Knows the names and datatypes of one contract's inputs."""

    def __init__(self, contract: Contract, types: Mapping[str, ColumnType], needed: Sequence[str]) -> None:
        self.contract = contract
        self.types = types
        self.numbers = tuple(name for name, type_ in types.items() if type_ == "number")
        self.suffices = set(needed) <= set(self.numbers)
        self.known: dict[tuple[str, ...], Layout] = {}

    def of(self, tensors: Sequence[Tensor], violations: Violations) -> Layout:
        """Return the layout of a request; RefusalError names an input that is unknown, double or wrong."""
        key = (*[tensor.name for tensor in tensors], *[tensor.datatype for tensor in tensors])
        layout = self.known.get(key)
        if layout is None:
            layout = self.found(tensors, violations)
            if len(self.known) < MOST_LAYOUTS:
                self.known[key] = layout
        return layout

    def found(self, tensors: Sequence[Tensor], violations: Violations) -> Layout:
        places: dict[str, int] = {}
        for place, tensor in enumerate(tensors):
            self.refuse(tensor, violations)
            if tensor.name in places:
                raise RefusalError(f"input {quoted(tensor.name)} is given twice")
            places[tensor.name] = place
        floats = all(name in places and tensors[places[name]].datatype in FLOATS for name in self.numbers)
        numbers = tuple(places.pop(name) for name in self.numbers) if floats else ()
        return Layout(numbers, places, bool(numbers) and not places and self.suffices)

    def refuse(self, tensor: Tensor, violations: Violations) -> None:
        name = tensor.name
        if name not in self.types:
            violations.refused(name, "unknown")
            raise RefusalError(f"input {quoted(name)} {unknown(name, self.contract)}", reason="contract")
        type_ = self.types[name]
        if tensor.datatype not in DATATYPES[type_]:
            violations.refused(name, "type")
            raise RefusalError(
                f"input {quoted(name)} has datatype {quoted(tensor.datatype)}; {type_} in the contract "
                f"is sent as {' or '.join(DATATYPES[type_])}"
            )
