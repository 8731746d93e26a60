"""Per-client limits: one that asks too often is told when to come back, the others notice nothing."""

import json
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.serve.door.limits import Limits
from headgate.serve.door.rate import MOST_CLIENTS, Rate
from headgate.serve.grpc.messages import SERVICE, InferRequest
from headgate.serve.refusal import RefusalError
from unit.serve.running import ask, rides, running, world

INFER = "/v2/models/rides/infer"


class Clock:
    """Time that a test turns on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.floats(0.1, 50), st.lists(st.floats(0, 3), max_size=60))
def test_no_client_gets_more_than_its_rate(per_second: float, pauses: list[float]) -> None:
    """In any stretch of time: one bucket at once, and the rate from then on."""
    clock = Clock()
    rate = Rate(per_second, clock)
    granted, refusals = [], []

    for pause in pauses:
        clock.now += pause
        try:
            rate.take(b"one")
            granted.append(clock.now)
        except RefusalError as err:
            refusals.append((err.status, err.retry_seconds >= 1))

    assert set(refusals) <= {(429, True)}
    for first, began in enumerate(granted):
        for last, ended in enumerate(granted[first:]):
            assert last + 1 <= max(1, per_second) + (ended - began) * per_second + 1e-6


def test_who_waits_as_long_as_told_is_let_in() -> None:
    """What is said in retry-after holds."""
    clock = Clock()
    rate = Rate(0.3, clock)
    rate.take(b"one")

    with pytest.raises(RefusalError) as refused:
        rate.take(b"one")
    clock.now += refused.value.retry_seconds
    rate.take(b"one")

    assert refused.value.retry_seconds == 4


def test_the_table_of_clients_does_not_grow_for_ever() -> None:
    """Whoever asked longest ago is forgotten."""
    rate = Rate(1, Clock())

    for number in range(MOST_CLIENTS + 500):
        rate.take(b"client %d" % number)

    assert len(rate.buckets) == MOST_CLIENTS
    assert b"client 0" not in rate.buckets


def test_a_client_that_asks_too_often_gets_429_and_the_others_their_answers(tmp_path: Path) -> None:
    """Over HTTP by its header, V1 and V2 alike; counted by reason; pages are free."""
    options = world(tmp_path).options(limits=Limits(client_rate=2, client_header="x-team"))
    body = json.dumps(rides()).encode()
    with running(options) as server:
        connection = server.connect()

        def codes(team: str, count: int) -> list[tuple[int, str | None]]:
            found = []
            for _ in range(count):
                connection.request("POST", INFER, body, {"x-team": team})
                answer = connection.getresponse()
                answer.read()
                found.append((answer.status, answer.getheader("retry-after")))
            return found

        greedy, modest = codes("a", 4), codes("b", 1)
        pages = [ask(connection, "/v2/health/live").status for _ in range(5)]
        refused = server.metric('headgate_rejected_total{reason="rate",service="rides"}')

    assert [(200, None), (200, None), (429, "1"), (429, "1")] == greedy
    assert [(200, None)] == modest
    assert [200] * 5 == pages
    assert refused == 2


def test_a_call_that_comes_too_soon_is_resource_exhausted(tmp_path: Path) -> None:
    """Over gRPC by address: a client's second connection is the same client."""
    message = InferRequest(model_name="rides").SerializeToString()
    options = world(tmp_path).options(grpc_port=0, limits=Limits(client_rate=1))
    found = []
    with running(options) as server:
        for _ in range(2):
            pool = [("grpc.use_local_subchannel_pool", 1)]
            with grpc.insecure_channel(f"127.0.0.1:{server.facts['grpc_port']}", pool) as channel:
                with pytest.raises(grpc.RpcError) as refused:
                    channel.unary_unary(f"/{SERVICE}/ModelInfer")(message, timeout=5)
                found.append((refused.value.code(), dict(refused.value.initial_metadata()).get("retry-after")))

    assert found == [(grpc.StatusCode.INVALID_ARGUMENT, None), (grpc.StatusCode.RESOURCE_EXHAUSTED, "1")]
