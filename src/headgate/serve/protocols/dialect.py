"""In which words a prediction is asked for and given: one door, one model, several protocols."""

from collections.abc import Callable
from typing import NamedTuple

from headgate.serve.protocols.v2 import Request, Response, error


class Dialect(NamedTuple):
    """How one protocol is read and written; what lies between is the same for all."""

    decode: Callable[[bytes], Request]
    """RefusalError where the words are not the protocol's."""
    encode: Callable[[Response], bytes]
    error: Callable[[str], bytes] = error
