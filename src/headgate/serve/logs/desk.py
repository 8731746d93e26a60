"""Which labels may come in? Told by the ids of the rows, and held to the contract like the rows themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headgate.contract.request import problem_of
from headgate.names import did_you_mean
from headgate.serve.door.admission import TIMES, Admitted, stamps_of
from headgate.serve.logs.label_log import KNOWN_AT, Labels
from headgate.serve.refusal import RefusalError, quoted
from headgate.specs.contract import Column, ColumnType, Contract
from headgate.specs.service import Service

AHEAD_MICROSECONDS = 300 * 1_000_000
"""Clocks differ by less; what is known later than that is not known."""
MOST = 10_000
"""Labels in one request."""


class Told(msgspec.Struct, forbid_unknown_fields=True):
    """A request's body."""

    labels: list[dict[str, Any]]


class Desk:
    """Takes labels in: by the id columns and the label's own name, as the contract has them."""

    def __init__(self, contract: Contract, spec: Service) -> None:
        self.spec = spec
        self.label = spec.data.label.column
        self.promise = promise_of(contract, spec)
        self.columns = {
            name: contract.columns[name] for name in (*spec.data.id, *([spec.data.time] if spec.data.time else []))
        }
        self.decoder = msgspec.json.Decoder(Told)

    def admit(self, body: bytes, now: int) -> Labels:
        """Return a request's labels; RefusalError names the label and the input that is wrong with it."""
        rows = self.rows_of(body)
        given = {name: self.values(name, rows) for name in self.columns}
        stamps = {name: stamps_of(name, given[name]) for name in self.columns if self.columns[name].type in TIMES}
        return Labels(
            id=self.ids(given, stamps),
            label=self.values(self.label, rows),
            time=stamps[self.spec.data.time] if self.spec.data.time else [None] * len(rows),
            known_at=known(rows, now),
        )

    def rows_of(self, body: bytes) -> list[dict[str, Any]]:
        if not self.spec.data.id:
            raise RefusalError("this service has no data.id, so a label cannot say which row it is of")
        try:
            rows = self.decoder.decode(body).labels
        except (ValueError, RecursionError) as err:
            raise RefusalError(f"the body is no {{'labels': [...]}}: {str(err)[:200]}") from err
        if not rows or len(rows) > MOST:
            raise RefusalError(f"the body has {len(rows):,} labels; expected 1 to {MOST:,}")
        allowed = {*self.columns, self.label, KNOWN_AT}
        for place, row in enumerate(rows):
            if strange := row.keys() - allowed:
                name = min(strange)
                raise RefusalError(
                    f"label {place} has {quoted(name)}, which is none of {', '.join(sorted(allowed))}."
                    f"{did_you_mean(name[:100], allowed)}"
                )
        return rows

    def values(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return a column of the request once it keeps its promise; the event time alone may be left out."""
        optional = name == self.spec.data.time and name not in self.spec.data.id
        promise = self.promise if name == self.label else self.columns[name]
        found = [whole(row.get(name)) if promise.type == "integer" else row.get(name) for row in rows]
        checked = [value for value in found if value is not None] if optional else found
        if problem_of(name, checked, promise) is None:
            return found
        for place, value in enumerate(found):
            if not (optional and value is None) and (problem := problem_of(name, [value], promise)):
                said = "has no value" if value is None else problem.reason
                raise RefusalError(f"label {place}: {quoted(name)} {said}", reason="contract")
        return found

    def ids(self, given: Mapping[str, list[Any]], stamps: Mapping[str, list[int | None]]) -> list[str]:
        """Return each row's id as it stands in the prediction log, so that its text is the same."""
        from headgate.features import ids  # noqa: PLC0415 - brings polars, which a server that is told no label needs not
        from headgate.serve.door.frames import frame_of  # noqa: PLC0415 - as above

        types = {name: self.columns[name].type for name in self.spec.data.id}
        columns = {name: given[name] for name in types}
        rows = Admitted(len(given[next(iter(types))]), columns, dict(stamps), {})
        return ids(frame_of(rows, types, {}), self.spec).to_list()


def promise_of(contract: Contract, spec: Service) -> Column:
    """Return what a label must look like, never null: one that never came is told by not telling it."""
    plain: ColumnType = "number" if spec.task == "regression" else "string"
    declared = contract.columns.get(spec.data.label.column, Column(type=plain))
    return msgspec.structs.replace(declared, nulls=0.0)


def whole(value: Any) -> Any:
    """Return 1.0, which JSON does not tell from 1, as the integer it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def known(rows: Sequence[Mapping[str, Any]], now: int) -> list[int]:
    """Return when each label became known; not said: now."""
    texts = [row.get(KNOWN_AT) for row in rows]
    if strange := next((text for text in texts if not isinstance(text, str | None)), None):
        raise RefusalError(f"{KNOWN_AT} is {quoted(strange)}; expected a time like 2013-01-31T08:00:00")
    found = [now if stamp is None else stamp for stamp in stamps_of(KNOWN_AT, texts)]
    if max(found) > now + AHEAD_MICROSECONDS:
        raise RefusalError(
            f"label {found.index(max(found))} became known in the future: {texts[found.index(max(found))]}"
        )
    return found
