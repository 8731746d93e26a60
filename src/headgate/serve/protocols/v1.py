"""The V1 protocol (`:predict`) as a translation: instances to named tensors, outputs to predictions.

Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol. The values go to the door
as they were sent, so V1 has V2's checks and V2's answers.
"""

import re
import types
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from headgate.contract.request import unknown
from headgate.serve.protocols.datatypes import DATATYPES
from headgate.serve.protocols.v2 import ENCODER, Output, Request, Response, Tensor, explain, plain
from headgate.serve.refusal import RefusalError, quoted
from headgate.specs.contract import ColumnType, Contract

UNKNOWN_FIELD = re.compile(r"unknown field `(.*)` - at", re.DOTALL)
LISTS = re.compile(rb'"instances"\s*:\s*\[\s*\[')
NULL = msgspec.Raw(b"null")
Values = msgspec.Raw | msgspec.UnsetType


class Inputs(Protocol):
    """What is known of the inputs that a request may have: the door knows it."""

    contract: Contract
    types: dict[str, ColumnType]
    required: tuple[str, ...]


class Translator:
    """Reads V1's instances as the columns of one contract."""

    def __init__(self, door: Inputs, most_rows: int) -> None:
        self.door = door
        self.most_rows = most_rows
        self.fields = {name: f"column_{place}" for place, name in enumerate(door.types)}
        self.by_name = self.decoder(rename={field: name for name, field in self.fields.items()})
        self.by_place = self.decoder(array_like=True)
        self.has_one_order = set(door.required) == set(door.types)
        """An optional input that a list leaves out would shift all that follow it."""

    def decoder(self, **kind: Any) -> msgspec.json.Decoder[Any]:
        """Return what reads a body whose instances hold no more than the contract's inputs."""
        fields = [(field, Values, msgspec.UNSET) for field in self.fields.values()]
        instance: Any = msgspec.defstruct("Instance", fields, forbid_unknown_fields=True, gc=False, **kind)
        return msgspec.json.Decoder(msgspec.defstruct("Body", [("instances", types.GenericAlias(list, (instance,)))]))

    def decode(self, body: bytes) -> Request:
        """Return the request in V1's `body`; RefusalError names what is wrong."""
        if body.count(b"{") + body.count(b"[") > 2 * self.most_rows + 2:
            raise RefusalError(f"the body has more than {self.most_rows:,} instances; send fewer a request")
        lists = LISTS.search(body) is not None
        if lists and not self.has_one_order:
            raise RefusalError(
                "the instances are lists, and some of the contract's inputs are optional; name the values: "
                f'{{"{next(iter(self.fields))}": ...}}'
            )
        try:
            instances = (self.by_place if lists else self.by_name).decode(body).instances
        except msgspec.ValidationError as err:
            raise RefusalError(self.explained(err)) from err
        except RecursionError as err:
            raise RefusalError("the body is nested too deeply; expected instances of named inputs") from err
        except ValueError as err:
            raise RefusalError(f"the body is not JSON: {plain(err)}") from err
        if not instances:
            raise RefusalError("`instances` is empty; expected at least one")
        columns = ((name, self.column(name, instances)) for name in self.fields)
        return Request(tuple(self.tensor(name, values) for name, values in columns if values))

    def explained(self, err: msgspec.ValidationError) -> str:
        found = UNKNOWN_FIELD.search(str(err))
        if found:
            return f"input {quoted(found.group(1))} {unknown(found.group(1), self.door.contract)}"
        return f"the request is not as in V1: {explain(err)}"

    def column(self, name: str, instances: Sequence[Any]) -> list[msgspec.Raw]:
        """Return an input's values as they were sent, none when no instance has it."""
        field = self.fields[name]
        values = [getattr(instance, field) for instance in instances]
        if msgspec.UNSET not in values:
            return values
        if name in self.door.required:
            place = values.index(msgspec.UNSET)
            raise RefusalError(
                f"input {quoted(name)} is missing in instance {place}; the contract requires it", reason="contract"
            )
        return (
            [NULL if value is msgspec.UNSET else value for value in values]
            if any(value is not msgspec.UNSET for value in values)
            else []
        )

    def tensor(self, name: str, values: Sequence[msgspec.Raw]) -> Tensor:
        data = msgspec.Raw(b"[" + b",".join(values) + b"]")
        return Tensor(name, (len(values),), DATATYPES[self.door.types[name]][0], data)


def translator(door: Inputs, most_rows: int) -> Callable[[bytes], Request]:
    """Return what reads V1's bodies for a door."""
    return Translator(door, most_rows).decode


def encode(response: Response) -> bytes:
    """Return V1's answer: a value a row, or an object a row where the model has several outputs."""
    outputs = response.outputs
    if len(outputs) == 1:
        return ENCODER.encode({"predictions": outputs[0].data})
    rows = zip(*(by_row(output) for output in outputs), strict=True)
    names = [output.name for output in outputs]
    return ENCODER.encode({"predictions": [dict(zip(names, row, strict=True)) for row in rows]})


def by_row(output: Output) -> Sequence[Any]:
    """Return an output's values, one a row.

    >>> by_row(Output("probability", "FP64", (2, 2), [0.1, 0.9, 0.3, 0.7]))
    [[0.1, 0.9], [0.3, 0.7]]
    """
    if len(output.shape) == 1:
        return output.data
    wide = output.shape[1]
    return [output.data[start : start + wide] for start in range(0, len(output.data), wide)]
