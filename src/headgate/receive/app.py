"""The doors of the receiver: who may not speak hears 401, what is no letter 400, and 5xx only where a retry helps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from headgate import measures
from headgate.errors import HeadgateError, PermanentError, TransientError
from headgate.receive import letters
from headgate.receive.doors import Door
from headgate.receive.receiver import Answer, Receiver

MOST_BYTES = 4 * 2**20
"""A letter larger than this is not read: a group of alerts is some kilobytes, a push of many commits some more."""
SECONDS = 10.0
"""A sender that takes longer to say what it has to say is not heard."""
STALLED = timedelta(minutes=5)
Serve = Callable[[Request], Awaitable[Response]]


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request that gets this code, and nothing was done."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def application(receiver: Receiver, token: Door, push: Door, *, mutual_tls: bool = False) -> FastAPI:
    """Return the whole application; with mutual TLS a sender's certificate stands for the bearer token."""

    @asynccontextmanager
    async def looking(_: FastAPI) -> AsyncIterator[None]:
        looks = asyncio.create_task(receiver.run())
        yield
        looks.cancel()
        with suppress(asyncio.CancelledError):
            await looks

    app = FastAPI(lifespan=looking, docs_url=None, redoc_url=None, openapi_url=None)

    async def known(request: Request) -> bytes:
        if not (mutual_tls or token.admits_bearer(request.headers)):
            raise Refused(401, "a bearer token is needed")
        return await body_of(request)

    async def alerts(request: Request) -> Response:
        letter = read(await known(request), letters.Alerts)
        told = read_alerts(letter)
        return answered(await asyncio.to_thread(receiver.hear, told))

    async def signals(request: Request) -> Response:
        one = read(await known(request), letters.SignalLetter)
        told = [(one.service, one.environment or "", one.model, one.signal)]
        return answered(await asyncio.to_thread(receiver.hear, told))

    async def rollouts(request: Request) -> Response:
        read(await known(request), object)
        receiver.knock()
        return JSONResponse({"knocked": True}, 202)

    async def pushes(request: Request) -> Response:
        body = await body_of(request)
        if not push.admits_signature(request.headers, body):
            raise Refused(401, "a signature by the webhook's secret is needed")
        letter = read(body, letters.Push)
        receiver.knock()
        return answered(await asyncio.to_thread(receiver.pushed, letter))

    for path, serve in {"/alerts": alerts, "/signals": signals, "/rollouts": rollouts, "/push": pushes}.items():
        app.add_api_route(path, counted(receiver, path, serve), methods=["POST"])
    probes(app, receiver)
    return app


def probes(app: FastAPI, receiver: Receiver) -> FastAPI:
    """Add what the kubelet and Prometheus ask."""

    async def metrics() -> Response:
        return Response(receiver.meters.text(), media_type="text/plain; version=0.0.4")

    async def healthz() -> Response:
        stalled = receiver.clock() - receiver.beat_at > STALLED
        return PlainTextResponse("stalled" if stalled else "ok", 503 if stalled else 200)

    async def readyz() -> Response:
        return PlainTextResponse("ok" if receiver.ready else "has not looked yet", 200 if receiver.ready else 503)

    for path, serve in {"/metrics": metrics, "/healthz": healthz, "/readyz": readyz}.items():
        app.add_api_route(path, serve, methods=["GET"])
    return app


def counted(receiver: Receiver, path: str, serve: Serve) -> Serve:
    """Return an endpoint that answers every trouble in our words and counts its answers."""

    async def serving(request: Request) -> Response:
        try:
            response = await serve(request)
        except Refused as refused:
            response = JSONResponse({"error": refused.reason}, refused.code)
        except TransientError as err:
            response = JSONResponse({"error": err.message}, 503, {"retry-after": "5"})
        except HeadgateError as err:
            response = JSONResponse({"error": err.message, "next": err.next_step}, 500)
        receiver.meters.count(measures.RECEIVED, path, str(response.status_code))
        return response

    return serving


async def body_of(request: Request) -> bytes:
    """Return a request's body, read no further than MOST_BYTES and no longer than SECONDS."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST_BYTES:
        raise Refused(413, f"more than {MOST_BYTES} bytes are not read")
    try:
        async with asyncio.timeout(SECONDS):
            return await within_limit(request)
    except TimeoutError as err:
        raise Refused(408, f"the body did not come within {SECONDS:g} seconds") from err


async def within_limit(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Refused(413, f"more than {MOST_BYTES} bytes are not read")
    return bytes(body)


def read(body: bytes, kind: type[letters.T]) -> letters.T:
    """Return a letter, or refuse what is none."""
    try:
        return letters.parse(body, kind)
    except PermanentError as err:
        raise Refused(400, err.message) from err


def read_alerts(letter: letters.Alerts) -> list[letters.Told]:
    try:
        return list(letters.signals(letter))
    except PermanentError as err:
        raise Refused(400, err.message) from err


def answered(answers: list[Answer]) -> Response:
    return Response(msgspec.json.encode({"services": answers}), media_type="application/json")
