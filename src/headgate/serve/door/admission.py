"""What may come in: a V2 request against the contract."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from headgate.contract.numbers import Numbers
from headgate.contract.request import check
from headgate.contract.watch import Notice, Watch
from headgate.errors import PermanentError
from headgate.names import did_you_mean
from headgate.serve.door.layout import Layouts
from headgate.serve.door.violations import Violations
from headgate.serve.protocols.binary import floats_of, listed, values_of
from headgate.serve.protocols.datatypes import DATATYPES
from headgate.serve.protocols.v2 import Request, Tensor, rows_of
from headgate.serve.refusal import RefusalError, quoted
from headgate.specs.contract import ColumnType, Contract
from headgate.specs.service import Service

if TYPE_CHECKING:
    import polars as pl

TIMES = ("datetime", "date")
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive means UTC here
MICROSECOND = datetime.resolution
DAY_MICROSECONDS = 86_400_000_000


class Lists(Mapping[str, list[Any]]):
    """Columns of numbers that stay an array until somebody asks for one of them."""

    __slots__ = ("numbers", "places")

    def __init__(self, places: Mapping[str, int], numbers: NDArray[np.float64]) -> None:
        self.places = places
        self.numbers = numbers

    def __getitem__(self, name: str) -> list[Any]:
        """Return a column as a list, null where a value is missing."""
        return listed(self.numbers[self.places[name]])

    def __contains__(self, name: object) -> bool:
        return name in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class Admitted(msgspec.Struct, gc=False):
    """The rows of one request, by column."""

    count: int
    columns: Mapping[str, list[Any]]
    """Values as sent; times as text."""
    stamps: dict[str, list[int | None]]
    """Times as microseconds since 1970 (UTC)."""
    data: dict[str, msgspec.Raw]
    """The JSON of each column's values as sent; columns that came as bytes have none."""
    numbers: NDArray[np.float64] | None = None
    """All columns of type `number` as (columns, rows), NaN where one is missing; None where they came one by one."""
    notices: Sequence[Notice] = ()
    """What is not as the contract promises, and answered all the same."""


class Door:
    """Lets in what the contract allows, and says in one line why anything else stays out."""

    def __init__(self, contract: Contract, spec: Service) -> None:
        self.contract = contract
        self.types: dict[str, ColumnType] = {name: contract.columns[name].type for name in inputs(contract, spec)}
        self.time = time_input(self.types, spec)
        self.required = tuple(needed(contract, spec))
        self.watch = Watch(contract)
        self.violations = Violations(spec.service, self.types)
        self.layouts = Layouts(contract, self.types, self.required)
        self.places = {name: place for place, name in enumerate(self.layouts.numbers)}
        self.numbers = Numbers(
            {name: contract.columns[name] for name, type_ in self.types.items() if type_ == "number"}
        )

    @property
    def datatypes(self) -> dict[str, str]:
        """Return each input's datatype, as the metadata lists it."""
        return {name: DATATYPES[type_][0] for name, type_ in self.types.items()}

    def admit(self, request: Request) -> Admitted:
        """Return the request's rows when every input keeps to the contract; RefusalError names the one that doesn't."""
        tensors = request.inputs
        layout = self.layouts.of(tensors, self.violations)
        numbers = self.kept([tensors[place] for place in layout.numbers])
        if numbers is None:
            return self.checked(tensors, {}, None)
        known = Lists(self.places, numbers)
        if not layout.is_whole:
            return self.checked(tensors, known, numbers)
        return Admitted(numbers.shape[1], known, {}, json_of(tensors), numbers)

    def kept(self, tensors: Sequence[Tensor]) -> NDArray[np.float64] | None:
        """Return all of a contract's numbers, read and judged at once; nothing where one may break a promise."""
        columns = floats_of(tensors) if tensors else None
        if columns is None or len({tensor.shape for tensor in tensors}) > 1:
            return None
        count = rows_of(tensors[0])
        try:
            numbers = np.array(columns, dtype=np.float64)
        except ValueError:  # not as many of each
            return None
        right = count and numbers.shape == (len(columns), count) and self.numbers.keep(numbers)
        return numbers if right else None

    def checked(
        self, tensors: Sequence[Tensor], known: Mapping[str, list[Any]], numbers: NDArray[np.float64] | None
    ) -> Admitted:
        """Return rows of which some columns are known to be right, once the others are."""
        columns = {**known, **{tensor.name: values_of(tensor) for tensor in tensors if tensor.name not in known}}
        if problem := check(columns, self.contract, self.required, known):
            self.violations.refused(problem.input, problem.kind)
            raise RefusalError(str(problem), reason="contract")
        stamps = {name: stamps_of(name, values) for name, values in columns.items() if self.types[name] in TIMES}
        if self.time and None in stamps[self.time]:
            raise RefusalError(f"input {quoted(self.time)} is null; every row has an event time", reason="contract")
        notices = self.watch.look(columns, known)
        self.violations.noticed(notices)
        return Admitted(len(next(iter(columns.values()))), columns, stamps, json_of(tensors), numbers, notices)

    def frame(self, rows: Admitted) -> "pl.DataFrame":
        """Return the rows as the features see them: every input a column, absent optional ones null."""
        from headgate.serve.door.frames import frame_of  # noqa: PLC0415 - brings polars, which most answers do without

        return frame_of(rows, self.types, self.places)


def json_of(tensors: Sequence[Tensor]) -> dict[str, msgspec.Raw]:
    return {tensor.name: tensor.data for tensor in tensors if tensor.data}


def inputs(contract: Contract, spec: Service) -> list[str]:
    """Return the raw columns a request carries: features, id and time, never the label."""
    names = [
        name
        for name, column in contract.columns.items()
        if column.role not in ("label", "ignore") and name != spec.data.label.column
    ]
    for name in (*spec.data.id, *([spec.data.time] if spec.data.time else [])):
        if name not in names:
            near = did_you_mean(name, names)
            raise PermanentError(
                f"service.yaml names {name!r} as id or time, and the contract has no such input.{near}",
                found=", ".join(names),
                next_step="add it to `columns` in the contract",
            )
    return names


def time_input(types: Mapping[str, ColumnType], spec: Service) -> str | None:
    """Return the event time's input, which must be a time."""
    name = spec.data.time
    if name is not None and types[name] not in TIMES:
        raise PermanentError(
            f"the contract says event time {name!r} is {types[name]}",
            next_step="make its `type` datetime (or date) in the contract",
        )
    return name


def needed(contract: Contract, spec: Service) -> Iterable[str]:
    """Yield the inputs that every request must have; what only learning reads is optional."""
    unread = {name for name, role in spec.data.roles.items() if role == "ignore"} | {spec.data.cluster}
    always = {*spec.data.id, spec.data.time}
    for name in inputs(contract, spec):
        if name in always or (contract.columns[name].required and (spec.data.features or name not in unread)):
            yield name


def stamps_of(name: str, texts: list[str | None]) -> list[int | None]:
    """Return ISO 8601 texts as microseconds since 1970, UTC; without an offset they mean UTC."""
    try:
        return [None if text is None else microseconds(text) for text in texts]
    except (ValueError, OverflowError) as err:
        raise RefusalError(f"input {quoted(name)} has a time that does not exist: {err}", reason="contract") from err


def microseconds(text: str) -> int:
    """Return an ISO 8601 text as microseconds since 1970.

    >>> microseconds("1970-01-01T01:00:00+01:00"), microseconds("1970-01-02")
    (0, 86400000000)
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - EPOCH) // MICROSECOND
