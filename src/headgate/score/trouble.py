"""What the operating system said to polars: a full disk is a full disk, whoever was writing."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from headgate.errors import speaking

NUMBER = re.compile(r"\(os error (\d+)\)")


@contextmanager
def speaking_polars(doing: str) -> Iterator[None]:
    """Turn the operating system's errors into Headgate's, those that polars tells as its own too."""
    with speaking(doing):
        try:
            yield
        except pl.exceptions.PolarsError as err:
            if found := NUMBER.search(str(err)):
                raise OSError(int(found[1]), os.strerror(int(found[1]))) from err
            raise
