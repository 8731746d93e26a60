"""The ASGI application: the infer endpoint without detours, every other page by Starlette."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from starlette.requests import Request

from headgate import measures
from headgate.names import short
from headgate.serve.door.admission import Admitted
from headgate.serve.door.body import DisconnectedError, Receive, Room, Scope, Send, read_body
from headgate.serve.door.limits import Limits
from headgate.serve.door.rate import Rate, client_of
from headgate.serve.door.violations import header as notice_header
from headgate.serve.experiment.divided import Divided
from headgate.serve.http.answer import Answer, Headers, about, how_to_go_on
from headgate.serve.http.pages import Pages
from headgate.serve.model.optional_outputs import extra_outputs, optional
from headgate.serve.model.predictor import outputs_of
from headgate.serve.protocols import binary, v1, v2
from headgate.serve.protocols.dialect import Dialect
from headgate.serve.refusal import RefusalError
from headgate.serve.setup.faults import DELAY, FAIL
from headgate.serve.setup.served import Served

INLINE_ROWS = 2000
"""More rows than this are computed in a thread, so that small requests need not wait for them."""
MOST_SAID = 100
"""Distinct errors written to stderr; a counter has the rest."""


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
        self.dialects = self.paths()
        self.rate = Rate(limits.client_rate) if limits.client_rate else None
        plain = served.faults.delay_seconds == served.faults.fail_share == 0 and not self.rate
        self.by_url = {path.encode(): dialect for path, dialect in self.dialects.items()} if plain else {}
        self.held = 0
        """Requests that are being answered. One whose body is still coming is none: a slow client takes no place."""
        self.room = Room(limits.reading_bytes)
        self.turn = 0
        """Requests that were answered at once since the loop last looked for new ones: they came together."""
        self.draining = False
        self.said: set[str] = set()
        self.pages = Pages(
            service=self.service,
            model=self.version,
            door=served.door,
            signature=self.signature,
            meters=served.meters,
            is_ready=lambda: not self.draining,
            documents=served.documents,
            tell=self.tell if served.telling else None,
        )

    def paths(self) -> dict[str, Dialect]:
        """Return where predictions are asked for, and in which words."""
        model, plain = f"/v2/models/{self.service}", Dialect(v2.decode, binary.encode)
        return {
            f"{model}/infer": plain,
            f"{model}/versions/{self.version}/infer": plain,
            f"/v1/models/{self.service}:predict": Dialect(v1.translator(self.served.door, self.limits.rows), v1.encode),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        dialect = self.dialects.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if dialect:
            await self.infer(scope, receive, send, self.for_headers(dialect, scope["headers"]))
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
        began, headers = time.perf_counter(), self.headers()
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
        self.take_turn()
        self.held += 1
        try:
            self.shed()
            return await self.answer(body, headers, dialect)
        finally:
            self.held -= 1

    def at_once(self, url: bytes, headers: Headers) -> Dialect | None:
        """Return how to answer a small request without ever waiting, None where that cannot be."""
        dialect = self.by_url.get(url)
        return dialect and self.for_headers(dialect, headers)

    def for_headers(self, dialect: Dialect, headers: Headers) -> Dialect:
        """Return how to read a body of which the headers may say that tensors follow its JSON."""
        for name, value in headers:
            if name == binary.HEADER and dialect.decode is v2.decode:
                return dialect._replace(decode=partial(binary.decode, length=value, most_rows=self.limits.rows))
        return dialect

    def respond_at_once(self, body: bytes, dialect: Dialect) -> Answer:
        """Return the answer to a small body, counted, with the headers that describe its content."""
        began, headers = time.perf_counter(), self.headers()
        self.take_turn()
        try:
            self.shed()
            code, content = 200, self.compute(*self.admitted(body, headers, dialect), dialect)
        except Exception as err:  # noqa: BLE001 - no single request may end the server
            code, content = self.failed(err, headers, dialect)
        self.served.meters.answered(code, time.perf_counter() - began)
        return Answer(code, content, self.described(headers, content))

    def headers(self) -> Headers:
        return [self.model_header]

    def failed(self, err: Exception, headers: Headers, dialect: Dialect) -> tuple[int, bytes]:
        """Return code and content for a request that gets no prediction; what is no refusal is said on stderr."""
        if isinstance(err, RefusalError):
            self.served.meters.rejected(err.reason)
            headers += how_to_go_on(err)
            return err.status, dialect.error(err.message)
        self.say(err)
        return 500, dialect.error("the model could not answer; the server's log says why")

    def take_turn(self) -> None:
        if not self.turn:
            asyncio.get_running_loop().call_soon(self.end_turn)
        self.turn += 1

    def end_turn(self) -> None:
        self.turn = 0

    def shed(self) -> None:
        if max(self.held, self.turn) > self.limits.in_flight:
            raise RefusalError("too many requests at a time; try again in a second", status=503, reason="overload")

    async def answer(self, body: bytes, headers: Headers, dialect: Dialect) -> bytes:
        request, rows = self.admitted(body, headers, dialect)
        if fault := self.served.faults.next():
            headers.append((measures.FAULT_HEADER.encode(), fault.encode()))
            await self.spoil(fault)
        if rows.count > INLINE_ROWS:
            return await asyncio.to_thread(self.compute, request, rows, dialect)
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
        """Return the encoded answer; it is recorded first."""
        served, began = self.served, time.perf_counter()
        scores = served.predictor.answer(rows)
        predicted = time.perf_counter()
        asked = frozenset(output.name for output in request.outputs)
        extra = asked & self.optional
        outputs = outputs_of(scores, self.signature, asked - extra) if asked - extra or not extra else []
        if extra:
            outputs += extra_outputs(served.predictor, rows, scores, extra)
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

    def say(self, err: Exception) -> None:
        """Write an error to stderr the first time it happens."""
        text = "; ".join([f"{type(err).__name__}: {err}", *getattr(err, "lines", list)()[1:]])
        if text not in self.said and len(self.said) < MOST_SAID:
            self.said.add(text)
            sys.stderr.write(f"error while answering: {text}\n")


class SpoiledError(Exception):
    """A fault of serving.yaml spoiled this answer."""
