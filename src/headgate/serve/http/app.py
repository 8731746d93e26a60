"""The ASGI application: the infer endpoint without detours, every other page by Starlette."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request

from headgate import measures
from headgate.models.loading import Predictions
from headgate.names import short
from headgate.serve.door.admission import Admitted
from headgate.serve.door.body import DisconnectedError, Receive, Room, Scope, Send, read_body
from headgate.serve.door.limits import Limits
from headgate.serve.door.rate import Rate, client_of
from headgate.serve.door.violations import header as notice_header
from headgate.serve.experiment.divided import Divided
from headgate.serve.http.answer import Answer, Headers, about, how_to_go_on
from headgate.serve.http.pages import Pages
from headgate.serve.http.paths import dialects_of, for_headers
from headgate.serve.http.places import Places
from headgate.serve.http.remote import refusal_of, takes_requests, threads_for
from headgate.serve.http.said import Said
from headgate.serve.model.optional_outputs import asked_outputs, optional
from headgate.serve.protocols import binary, v2
from headgate.serve.protocols.dialect import Dialect
from headgate.serve.refusal import RefusalError
from headgate.serve.setup.faults import DELAY, FAIL, SpoiledError
from headgate.serve.setup.served import Served
from headgate.serve.telemetry.batching import BatchMetrics

if TYPE_CHECKING:
    from headgate.serve.http.batching import Batching, Given

INLINE_ROWS, INLINE_BYTES = 2000, 256 << 10
"""More rows are computed, longer bodies read in a thread: 6 MB took 0.14 s, in which nobody else was answered."""


class App:
    """Answers the Open Inference Protocol for one model."""

    def __init__(self, served: Served, limits: Limits) -> None:
        self.served = served
        self.limits = limits
        self.signature = served.predictor.loaded.signature
        self.service = str(self.signature.service)
        self.version = short(served.predictor.loaded.sha256)
        self.model_header = (measures.MODEL_HEADER.encode(), self.version.encode())
        self.optional = optional(self.signature)
        self.dialects = dialects_of(self.service, self.version, served.door, limits.rows)
        self.rate = Rate(limits.client_rate) if limits.client_rate else None
        self.threads = threads_for(served.predictor.models)
        plain = served.faults.delay_seconds == served.faults.fail_share == 0 and not (self.rate or self.threads)
        self.by_url = {path.encode(): dialect for path, dialect in self.dialects.items()} if plain else {}
        self.batching = self.batching_of(served)
        self.places = Places(limits.in_flight)
        self.room = Room(limits.reading_bytes)
        self.draining = False
        self.said = Said()
        self.pages = Pages(
            service=self.service,
            model=self.version,
            door=served.door,
            signature=self.signature,
            meters=served.meters,
            is_ready=lambda: takes_requests(self.draining, served.predictor.models, self.said),
            documents=served.documents,
            tell=self.tell if served.telling else None,
        )

    def batching_of(self, served: Served) -> "Batching | None":
        """Return what computes small requests together by one call of the owner's function."""
        if served.predictor.function is None:
            return None
        from headgate.serve.http.batching import Batching  # noqa: PLC0415 - brings polars, which most models do without

        batching = Batching(served.predictor, self.finish, is_on=served.is_rowwise)
        served.meters.registry.register(BatchMetrics(self.service, self.version, batching))
        return batching

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        dialect = self.dialects.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if dialect:
            await self.infer(scope, receive, send, for_headers(dialect, scope["headers"], self.limits.rows))
        else:
            await self.pages.starlette(scope, receive, send)

    async def infer(self, scope: Scope, receive: Receive, send: Send, dialect: Dialect) -> None:
        """Answer one request, whatever it is; only a client that left gets nothing."""
        with suppress(DisconnectedError):
            await self.reply(send, await self.respond(partial(self.read, scope, receive), dialect))

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        if self.rate:
            self.rate.take(client_of(scope, self.limits.client_header))
        return await read_body(scope, receive, self.limits.body_bytes, self.limits.body_seconds, self.room)

    async def tell(self, request: Request) -> bytes:
        """Return the answer to labels, which are on the disk by then."""
        body = await self.read(request.scope, request.receive)
        return await asyncio.to_thread(self.served.telling.take, body) if self.served.telling else b""

    async def respond(self, read: Callable[[], Awaitable[bytes]], dialect: Dialect) -> Answer:
        """Return the answer to what `read` gives, counted; DisconnectedError when nobody waits for one."""
        began, headers = time.perf_counter(), [self.model_header]
        try:
            body = await read()
            began = time.perf_counter()
            code, content = 200, await self.held_answer(body, headers, dialect)
        except DisconnectedError:
            raise
        except Exception as err:  # noqa: BLE001 - no single request may end the server
            code, content = self.failed(err, headers, dialect)
        self.served.meters.answered(code, time.perf_counter() - began)
        return Answer(code, content, headers)

    async def held_answer(self, body: bytes, headers: Headers, dialect: Dialect) -> bytes:
        self.places.take_turn()
        self.places.held += 1
        try:
            self.places.shed()
            return await self.answer(body, headers, dialect)
        finally:
            self.places.held -= 1

    def at_once(self, url: bytes, headers: Headers) -> Dialect | None:
        """Return how to answer a small request without ever waiting, None where that cannot be."""
        dialect = self.by_url.get(url)
        return dialect and for_headers(dialect, headers, self.limits.rows)

    def respond_at_once(self, body: bytes, dialect: Dialect, later: Callable[[Answer], None]) -> Answer | None:
        """Return the answer to a small body, counted, with the headers that describe its content.

        None: `later` is told it, at the end of this turn of the loop.
        """
        began, headers = time.perf_counter(), [self.model_header]
        self.places.take_turn()
        given: Given
        try:
            self.places.shed()
            request, rows = self.admitted(body, headers, dialect)
            if self.batching and self.batching.takes(rows):
                self.places.held += 1
                give = partial(self.respond_later, later, began, headers, dialect)
                self.batching.add(request, rows, dialect, give)
                return None
            given = self.compute(request, rows, dialect)
        except Exception as err:  # noqa: BLE001 - no single request may end the server
            given = err
        return self.answered(given, began, headers, dialect)

    def respond_later(
        self, later: Callable[[Answer], None], began: float, headers: Headers, dialect: Dialect, given: "Given"
    ) -> None:
        self.places.held -= 1
        later(self.answered(given, began, headers, dialect))

    def answered(self, given: "Given", began: float, headers: Headers, dialect: Dialect) -> Answer:
        """Return what a request gets at last, counted."""
        code, content = (200, given) if isinstance(given, bytes) else self.failed(given, headers, dialect)
        self.served.meters.answered(code, time.perf_counter() - began)
        return Answer(code, content, self.described(headers, content))

    def failed(self, err: Exception, headers: Headers, dialect: Dialect) -> tuple[int, bytes]:
        """Return code and content for a request that gets no prediction; what is no refusal is said on stderr."""
        err = refusal_of(err, self.said)
        if isinstance(err, RefusalError):
            self.served.meters.rejected(err.reason)
            headers += how_to_go_on(err)
            return err.status, dialect.error(err.message)
        self.said.say(err)
        return 500, dialect.error("the model could not answer; the server's log says why")

    async def answer(self, body: bytes, headers: Headers, dialect: Dialect) -> bytes:
        admit = partial(self.admitted, body, headers, dialect)
        request, rows = await asyncio.to_thread(admit) if len(body) > INLINE_BYTES else admit()
        if fault := self.served.faults.next():
            headers.append((measures.FAULT_HEADER.encode(), fault.encode()))
            await self.spoil(fault)
        if self.threads:
            return await asyncio.get_running_loop().run_in_executor(self.threads, self.compute, request, rows, dialect)
        if rows.count > INLINE_ROWS:
            return await asyncio.to_thread(self.compute, request, rows, dialect)
        if self.batching and self.batching.takes(rows):
            return await self.batching.answer(request, rows, dialect)
        return self.compute(request, rows, dialect)

    def admitted(self, body: bytes, headers: Headers, dialect: Dialect) -> tuple[v2.Request, Admitted]:
        began = time.perf_counter()
        request = dialect.decode(body)
        decoded = time.perf_counter()
        rows = self.served.door.admit(request)
        self.served.meters.phases.admitted(began, decoded, time.perf_counter(), rows.count)
        self.refuse_too_many(rows)
        if rows.notices:
            headers.append((measures.NOTICE_HEADER.encode(), notice_header(rows.notices)))
        if isinstance(self.served.predictor, Divided):
            headers.append((measures.ARM_HEADER.encode(), self.served.predictor.arms(rows).encode()))
        return request, rows

    def refuse_too_many(self, rows: Admitted) -> None:
        if rows.count > self.limits.rows:
            raise RefusalError(
                f"the request has {rows.count:,} rows; at most {self.limits.rows:,} are answered at a time"
            )

    async def spoil(self, fault: str) -> None:
        self.served.meters.spoiled(fault)
        if fault == FAIL:
            raise SpoiledError("fail_share of serving.yaml spoils answers on purpose")
        if fault == DELAY:
            await asyncio.sleep(self.served.faults.delay_seconds)

    def compute(self, request: v2.Request, rows: Admitted, dialect: Dialect) -> bytes:
        """Return the encoded answer."""
        began = time.perf_counter()
        return self.finish(request, rows, dialect, self.served.predictor.answer(rows), began)

    def finish(self, request: v2.Request, rows: Admitted, dialect: Dialect, scores: Predictions, began: float) -> bytes:
        """Return the encoded answer; it is recorded first. What began then was to predict."""
        served, predicted = self.served, time.perf_counter()
        asked = frozenset(output.name for output in request.outputs)
        outputs = asked_outputs(served.predictor, rows, scores, asked, self.optional)
        if served.recorder:
            served.recorder.record(rows, scores.tolist())
        for observer in served.background.observers:
            observer.offer(rows, scores)
        content = dialect.encode(v2.Response(self.service, self.version, outputs, request.id, binary.wanted(request)))
        served.meters.phases.answered(began, predicted, time.perf_counter())
        return content

    async def reply(self, send: Send, answer: Answer) -> None:
        headers = self.described(answer.headers, answer.content)
        await send({"type": "http.response.start", "status": answer.code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.content})

    def described(self, headers: Headers, content: bytes) -> Headers:
        """Return an answer's headers with those that describe its content, and what a drain adds."""
        headers += about(content)
        if self.draining:
            headers.append((b"connection", b"close"))
        return headers
