"""Servers that the contract tests share."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from fakes.buckets import Stores
from fakes.forges import Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Give the run's servers; those that were started stop at its end."""
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("servers"), stack)


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Give the run's S3 servers."""
    with ExitStack() as stack:
        yield Stores(tmp_path_factory.mktemp("stores"), stack)
