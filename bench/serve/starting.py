"""From the start of the process to the first page that says ready."""

from bench.results import Row, row
from bench.serve.made import Made
from bench.serve.servers import headgate, peer, running


def rows(made: Made, rounds: int) -> list[Row]:
    """Return the row of time to ready; the first start of each, which compiles bytecode, is left out."""
    ours, theirs = headgate(made, "starting"), peer("starting-kserve", "kserve_server.py")
    pairs = []
    for place in range(rounds + 1):
        with running(ours, made) as one:
            mine = one.ready_seconds
        with running(theirs, made) as other:
            pairs += [(mine, other.ready_seconds)] if place else []
    return [row("serve: time to ready, kserve", "s", pairs, "<= 0.35")]
