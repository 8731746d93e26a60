"""Where predictions are asked for, and in which words."""

from functools import partial

from headgate.serve.door.admission import Door
from headgate.serve.http.answer import Headers
from headgate.serve.protocols import binary, v1, v2
from headgate.serve.protocols.dialect import Dialect


def dialects_of(service: str, version: str, door: Door, most_rows: int) -> dict[str, Dialect]:
    """Return the paths of one model, each with how its requests are read and written."""
    model, plain = f"/v2/models/{service}", Dialect(v2.decode, binary.encode)
    return {
        f"{model}/infer": plain,
        f"{model}/versions/{version}/infer": plain,
        f"/v1/models/{service}:predict": Dialect(v1.translator(door, most_rows), v1.encode),
    }


def for_headers(dialect: Dialect, headers: Headers, most_rows: int) -> Dialect:
    """Return how to read a body of which the headers may say that tensors follow its JSON."""
    for name, value in headers:
        if name == binary.HEADER and dialect.decode is v2.decode:
            return dialect._replace(decode=partial(binary.decode, length=value, most_rows=most_rows))
    return dialect
