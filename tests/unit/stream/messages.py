"""Messages as clients write them."""

import json
from typing import Any

from headgate.ports import Letter, Message
from unit.serve.running import changed, rides


def message(value: bytes | None, offset: int = 0, key: bytes | None = None, **headers: bytes) -> Message:
    return Message("requests", 0, offset, key, value, tuple(headers.items()))


def request(id_: str | None = None, count: int = 1, rider: int = 1, **inputs: Any) -> bytes:
    """Return a good request; `inputs` replaces the values of some, those of each row the same."""
    made = rides(count, rider=rider)
    for name, value in inputs.items():
        made = changed(made, name, data=[value] * count)
    return json.dumps(made | ({"id": id_} if id_ is not None else {})).encode()


def headers(letter: Letter) -> dict[str, str]:
    return {name: value.decode() for name, value in letter.headers}


def kind(letter: Letter) -> str:
    return headers(letter).get("headgate-kind", "")
