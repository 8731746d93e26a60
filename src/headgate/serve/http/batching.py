"""Small requests that are read in one turn of the loop are computed together, by one call of the owner's function.

Nobody waits for company: a batch is closed when the loop has handed over all that came, which is when the first of them
would have been answered anyway had another stood before it. One that comes alone is computed alone.
"""

import asyncio
import sys
import time
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from polars.exceptions import PanicException

from headgate.errors import PermanentError
from headgate.models.loading import Predictions
from headgate.serve.door.admission import Admitted
from headgate.serve.model.one_call import in_one_call, same_together
from headgate.serve.model.predictor import Predictor, finite
from headgate.serve.model.together import FAILURES, Matrices, are_same, encoded
from headgate.serve.protocols.dialect import Dialect
from headgate.serve.protocols.v2 import Request

BATCH_ROWS = 256
"""More rows wait for a batch of their own."""
SMALL_ROWS = 64
"""A request of more is worth a call of its own."""
TRIED_EVERY = 64
"""Batches of which one request is computed alone as well; the first few are tried more often."""
QUICK = ("onnx", "lightgbm", "xgboost")
"""Formats whose models are called a few hundred times in well below a second."""

Given = bytes | Exception
Made = Matrices | Predictions | None
"""A request as the models take it, or what the model says of it."""
Finish = Callable[[Request, Admitted, Dialect, Predictions, float], bytes]
"""`finish(request, rows, dialect, scores, began)` records an answer and returns its content."""


class Asked(NamedTuple):
    """A request that was let in, and who is told its answer."""

    request: Request
    rows: Admitted
    dialect: Dialect
    give: Callable[[Given], None]


class Batch:
    """What waits for the end of one turn of one loop."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.rows = 0
        self.asked: list[Asked] = []


class Batching:
    """Computes requests together where the owner's function was found to take each row by itself."""

    def __init__(self, predictor: Predictor, finish: Finish, *, is_on: bool) -> None:
        self.predictor = predictor
        self.finish = finish
        self.is_one_call = is_on and may_be_one_call(predictor)
        """The model, too, is asked for a whole batch."""
        self.open: Batch | None = None
        self.is_on = is_on
        """The function is taken to make a row's features of that row alone."""
        self.batches = 0
        """Of two requests and more."""
        self.requests = 0
        """In them."""

    def takes(self, rows: Admitted) -> bool:
        """Say whether a request is one for a batch."""
        return self.is_on and 0 < rows.count <= SMALL_ROWS

    def add(self, request: Request, rows: Admitted, dialect: Dialect, give: Callable[[Given], None]) -> None:
        """Have a request answered at the end of this turn of the loop."""
        loop, batch = asyncio.get_running_loop(), self.open
        if batch is None or batch.loop is not loop or batch.rows + rows.count > BATCH_ROWS:
            batch = self.open = Batch(loop)
            loop.call_soon(self.close, batch)
        batch.rows += rows.count
        batch.asked.append(Asked(request, rows, dialect, give))

    async def answer(self, request: Request, rows: Admitted, dialect: Dialect) -> bytes:
        """Return a request's answer, which waits for the end of this turn."""
        future: Future[bytes] = asyncio.get_running_loop().create_future()
        self.add(request, rows, dialect, partial(settle, future))
        return await future

    def close(self, batch: Batch) -> None:
        """Answer all that wait in a batch, each whatever becomes of the others."""
        if self.open is batch:
            self.open = None
        began = time.perf_counter()
        made = self.made([asked.rows for asked in batch.asked])
        share = (time.perf_counter() - began) / len(batch.asked)
        for asked, own in zip(batch.asked, made, strict=True):
            content = self.content(asked, own, share)
            try:
                asked.give(content)
            except Exception as err:  # noqa: BLE001 - the others are told theirs
                sys.stderr.write(f"an answer found nobody: {type(err).__name__}: {err}\n")

    def made(self, requests: Sequence[Admitted]) -> Sequence[Made]:
        """Return what was made of each request together with the others; None: it is to be computed alone."""
        alone: list[Made] = [None] * len(requests)
        if len(requests) == 1 or not self.is_on:
            return alone
        self.batches += 1
        self.requests += len(requests)
        with suppress(*FAILURES):
            matrices = encoded(self.predictor, requests)
            if self.stands_a_trial(requests, matrices):
                if self.is_one_call:
                    return in_one_call(self.predictor.loaded, [matrix for (matrix,) in matrices])
                return matrices
        return alone

    def stands_a_trial(self, requests: Sequence[Admitted], made: Sequence[Matrices]) -> bool:
        """Compute one of the requests alone now and then; where that gives other features nothing is batched any more.

        Made-up rows were tried before the first request came; real ones may do what those did not.
        """
        number = self.batches
        if number % TRIED_EVERY and number & (number - 1):
            return True
        place = number % len(requests)
        with suppress(*FAILURES):
            if are_same(encoded(self.predictor, [requests[place]])[0], made[place]):
                return True
        self.is_on = False
        sys.stderr.write(
            "from now on requests are computed one by one: the features function gave a row other features when others "
            "came with it\n"
        )
        return False

    def content(self, asked: Asked, own: Made, share: float) -> Given:
        """Return one answer, or why there is none; `share` is the request's part of what was done for all."""
        request, rows, dialect, _ = asked
        began = time.perf_counter() - share
        try:
            return self.finish(request, rows, dialect, self.scores(rows, own), began)
        except Exception as err:  # noqa: BLE001 - said by who is given it
            return err
        except PanicException as err:
            return PermanentError(f"polars panicked: {err}")

    def scores(self, rows: Admitted, own: Made) -> Predictions:
        if own is None:
            return self.predictor.answer(rows)
        return self.predictor.scores(rows, own) if isinstance(own, tuple) else finite(own)


def may_be_one_call(predictor: Predictor) -> bool:
    """Say whether the model answers a batch as it answers each request; where calls are long it is not tried."""
    [first, *others] = predictor.models
    return not others and first.format in QUICK and same_together(first)


def settle(future: "Future[bytes]", given: Given) -> None:
    """Wake who waits for an answer, if anybody still does."""
    if future.done():
        return
    if isinstance(given, bytes):
        future.set_result(given)
    else:
        future.set_exception(given)
