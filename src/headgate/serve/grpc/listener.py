"""A second listener: each call is one request of the same application, with its limits, its counters, its drain."""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from inspect import isawaitable
from typing import Any

import grpc

from headgate.errors import TransientError
from headgate.serve.door.body import DisconnectedError
from headgate.serve.door.rate import client_of
from headgate.serve.grpc.contents import fill, tensors_of
from headgate.serve.grpc.messages import SERVICE, InferRequest, InferResponse, kind, parse
from headgate.serve.http.answer import Headers
from headgate.serve.http.app import App
from headgate.serve.http.pages import absent
from headgate.serve.model.predictor import metadata_of
from headgate.serve.protocols.dialect import Dialect
from headgate.serve.protocols.v2 import Request, Response, WantedOutput
from headgate.serve.refusal import RefusalError
from headgate.serve.telemetry.watch import Asking, Ended, Watch

Context = Any
"""grpc.aio.ServicerContext, whose package has no types."""

CODES: dict[int, grpc.StatusCode] = {
    200: grpc.StatusCode.OK,
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""As the counters know an answer → as the client is told of it."""
CALLS_PER_PLACE = 4
"""So many calls may be open for each that may be answered at a time: the others wait to be refused in our own words."""


class Call:
    """One infer call: its message in, its message out."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.raw = False

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.decode, self.encode, str.encode)

    def decode(self, content: bytes) -> Request:
        """Return the request in the message; RefusalError says what is wrong, in the words of HTTP."""
        message = parse(InferRequest, content)
        if reason := absent(self.app.service, self.app.version, message.model_name, message.model_version):
            raise RefusalError(reason, status=404)
        self.raw = bool(message.raw_input_contents)
        wanted = tuple(WantedOutput(output.name) for output in message.outputs)
        return Request(tuple(tensors_of(message)), message.id or None, wanted)

    def encode(self, response: Response) -> bytes:
        message = InferResponse(
            model_name=response.model_name, model_version=response.model_version, id=response.id or ""
        )
        fill(message, response.outputs, raw=self.raw)
        return bytes(message.SerializeToString())


class Listener:
    """Answers V2's gRPC service for one application."""

    def __init__(self, app: App, host: str, port: int, watch: Watch | None = None) -> None:
        self.app = app
        self.watch = watch
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.port = port
        """Once started the one that was bound."""

    async def start(self) -> None:
        """Answer calls from now on; TransientError when the port is taken."""
        limits = self.app.limits
        self.server = grpc.aio.server(
            handlers=[grpc.method_handlers_generic_handler(SERVICE, self.methods())],
            options=[("grpc.max_receive_message_length", limits.body_bytes), ("grpc.so_reuseport", 0)],
            maximum_concurrent_rpcs=CALLS_PER_PLACE * limits.in_flight,
        )
        try:
            self.port = self.server.add_insecure_port(self.address)
        except RuntimeError as err:
            await self.server.stop(None)
            raise TransientError(
                f"cannot listen on {self.address}: address already in use",
                next_step="choose another --grpc-port; 0 takes a free one",
            ) from err
        await self.server.start()

    async def stop(self, seconds: float) -> None:
        """Accept no call any more; those that came have this long to end."""
        await self.server.stop(seconds)

    def methods(self) -> dict[str, grpc.RpcMethodHandler]:
        """Return how each method is answered; messages stay bytes until a limit allows to read them."""
        asked: dict[str, Callable[[bytes], Any]] = {
            "ServerLive": lambda _: kind("ServerLiveResponse")(live=True),
            "ServerReady": self.server_ready,
            "ServerMetadata": self.about_server,
            "ModelReady": self.model_ready,
            "ModelMetadata": self.about_model,
        }
        pages = {name: grpc.unary_unary_rpc_method_handler(partial(self.page, give)) for name, give in asked.items()}
        # On the wire a stream of one message is that message; read as a stream it can be given a deadline.
        return {"ModelInfer": grpc.stream_unary_rpc_method_handler(self.infer), **pages}

    async def infer(self, _messages: Any, context: Context) -> bytes:
        """Answer one call, whatever it is."""
        with self.watch.of(asking(context)) if self.watch else nullcontext(ignore) as tell:
            try:
                answer = await self.app.respond(partial(self.read, context), Call(self.app).dialect)
            except DisconnectedError:
                return b""
            tell(ended(answer.code))
        await context.send_initial_metadata(metadata(answer.headers))
        if answer.code != 200:
            await context.abort(CODES[answer.code], answer.content.decode())
        return answer.content

    async def read(self, context: Context) -> bytes:
        """Return the call's message; RefusalError 408 when it does not come in time."""
        if self.app.rate:
            self.app.rate.take(client_of(head(context), self.app.limits.client_header))
        seconds = self.app.limits.body_seconds
        try:
            async with asyncio.timeout(seconds):
                message = await context.read()
        except TimeoutError:
            raise RefusalError(
                f"the message did not come within {seconds:g} seconds", status=408, reason="too_slow"
            ) from None
        if message is grpc.aio.EOF:
            raise RefusalError("the call has no message")
        return bytes(message)

    async def page(self, give: Callable[[bytes], Any], content: bytes, context: Context) -> bytes:
        """Answer what a platform asks."""
        try:
            said = give(content)
            return bytes((await said if isawaitable(said) else said).SerializeToString())
        except RefusalError as err:
            await context.abort(CODES[err.status], err.message)
            raise

    def about_server(self, _content: bytes) -> Any:
        return kind("ServerMetadataResponse")(name="headgate", version=version("headgate"))

    async def server_ready(self, _content: bytes) -> Any:
        return kind("ServerReadyResponse")(ready=await self.app.pages.is_ready())

    async def model_ready(self, content: bytes) -> Any:
        self.refuse_other_models(parse(kind("ModelReadyRequest"), content))
        return kind("ModelReadyResponse")(ready=await self.app.pages.is_ready())

    def about_model(self, content: bytes) -> Any:
        self.refuse_other_models(parse(kind("ModelMetadataRequest"), content))
        message = kind("ModelMetadataResponse")(
            name=self.app.service, versions=[self.app.version], platform="onnx_onnxruntime"
        )
        for name, datatype in self.app.served.door.datatypes.items():
            message.inputs.add(name=name, datatype=datatype, shape=[-1])
        for output in metadata_of(self.app.signature):
            message.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        return message

    def refuse_other_models(self, message: Any) -> None:
        if reason := absent(self.app.service, self.app.version, message.name, message.version):
            raise RefusalError(reason, status=404)


def asking(context: Context) -> Asking:
    """Return a call as those who tell of it word it."""
    words = {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": "ModelInfer"}
    return Asking(f"/{SERVICE}/ModelInfer", head(context)["headers"], words, left=ended(499))


def ended(code: int) -> Ended:
    return Ended(code, CODES[code].name, CODES[code].value[0])


def ignore(_: Ended) -> None:
    """Tell nobody."""


def head(context: Context) -> dict[str, Any]:
    """Return who calls, as HTTP's side has it: metadata as headers, an address without its port."""
    named = [
        (name.encode(), value.encode() if isinstance(value, str) else value)
        for name, value in context.invocation_metadata()
    ]
    return {"headers": named, "client": (context.peer().rpartition(":")[0], 0)}


def metadata(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return HTTP's headers of an answer that a call may have too."""
    return tuple((name.decode(), value.decode()) for name, value in headers if name != b"connection")
