"""How much one process takes, of all clients and of each."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one process takes at a time."""

    body_bytes: int = 16 << 20
    body_seconds: float = 10.0
    """A body that takes longer to come is answered with 408."""
    in_flight: int = 128
    """Requests at a time; further ones are shed with 503, to be tried again after a second."""
    client_rate: float = 0
    """Requests a second of one client, further ones are refused with 429; 0: as many as there come."""
    client_header: str = ""
    """Header that tells clients apart where a router stands before the server; none: their address."""
    reading_bytes: int = 128 << 20
    """Of long bodies that are still coming, all clients' together; further ones are shed."""
    rows: int = 100_000
    """Rows of one request: more are a batch, and `headgate score` is made for those."""
