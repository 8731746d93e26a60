"""A server that answers over gRPC too, and a channel to it."""

from collections.abc import Iterator

import grpc
import pytest

from headgate.serve.door.limits import Limits
from unit.serve.calling import open_channel
from unit.serve.running import Running, running, world

LIMITS = Limits(body_bytes=200_000, body_seconds=0.5)


@pytest.fixture(scope="module")
def grpc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of a file."""
    made = world(tmp_path_factory.mktemp("rides"))
    with running(made.options(limits=LIMITS, grpc_port=0)) as one:
        yield one


@pytest.fixture
def channel(grpc_server: Running) -> Iterator[grpc.Channel]:
    with open_channel(grpc_server) as one:
        yield one
