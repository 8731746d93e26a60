"""The pages beside infer: metadata, health, metrics; each error is the protocol's JSON."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headgate import measures
from headgate.models.signature import Signature
from headgate.names import did_you_mean
from headgate.serve.door.admission import Door
from headgate.serve.door.body import DisconnectedError
from headgate.serve.model.predictor import metadata_of
from headgate.serve.protocols import v2
from headgate.serve.refusal import RefusalError, quoted
from headgate.serve.telemetry.meters import Meters

MODEL = "/v2/models/{model}"
VERSION = MODEL + "/versions/{version}"
V1 = "/v1/models"
PREDICT = ":predict"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Pages:
    """Answers what a platform asks of a server, as opposed to what a client asks of its model."""

    def __init__(
        self,
        *,
        service: str,
        model: str,
        door: Door,
        signature: Signature,
        meters: Meters,
        is_ready: Callable[[], Awaitable[bool]],
        documents: Mapping[str, Callable[[], bytes]],
        tell: Callable[[Request], Awaitable[bytes]] | None = None,
    ) -> None:
        self.service, self.model = service, model
        self.metadata = v2.metadata(service, model, door.datatypes, metadata_of(signature))
        self.meters = meters
        self.is_ready = is_ready
        self.documents = documents
        self.tell = tell
        self.starlette = Starlette(
            routes=[
                Route("/v2", self.server),
                Route("/v2/health/live", self.live),
                Route("/v2/health/ready", self.ready),
                *(Route(path, self.about) for path in (MODEL, VERSION)),
                *(Route(path + "/ready", self.ready) for path in (MODEL, VERSION)),
                *(Route(path + "/infer", self.infer, methods=["POST"]) for path in (MODEL, VERSION)),
                Route("/", self.alive),
                Route(V1, self.models),
                Route(V1 + "/{model}" + PREDICT, self.infer, methods=["POST"]),
                Route(V1 + "/{model}", self.model_of_v1),
                Route("/metrics", self.metrics),
                Route("/labels", self.labels, methods=["POST"]),
                *(Route(path, self.seen) for path in documents),
            ],
            exception_handlers={HTTPException: self.refused},
        )

    async def server(self, _request: Request) -> Response:
        return self.document({"name": "headgate", "version": version("headgate"), "extensions": ["binary_tensor_data"]})

    async def live(self, _request: Request) -> Response:
        return self.document({"live": True})

    async def ready(self, request: Request) -> Response:
        self.refuse_other_models(request)
        ready = await self.is_ready()
        return self.document({"name": self.service, "ready": ready}, 200 if ready else 503)

    async def alive(self, _request: Request) -> Response:
        """Answer as V1 asks whether a server lives."""
        return self.document({"status": "alive"})

    async def model_of_v1(self, request: Request) -> Response:
        """Answer as V1 asks whether a model is ready, but not where it asks for predictions."""
        if request.path_params["model"].endswith(PREDICT):
            raise HTTPException(405, headers={"Allow": "POST"})
        return await self.ready(request)

    async def models(self, _request: Request) -> Response:
        """Answer as V1 asks for names."""
        return self.document({"models": [self.service]})

    async def about(self, request: Request) -> Response:
        self.refuse_other_models(request)
        return self.json(self.metadata)

    async def infer(self, request: Request) -> Response:
        """Refuse another model's name or version; this model's requests never come here."""
        self.refuse_other_models(request)
        raise HTTPException(404)

    async def metrics(self, _request: Request) -> Response:
        return Response(self.meters.text(), media_type=EXPOSITION)

    async def labels(self, request: Request) -> Response:
        """Take labels of rows that were answered, where answers are logged."""
        if self.tell is None:
            return self.json(v2.error("labels are kept beside a prediction log, and this server keeps none"), 404)
        try:
            return self.json(await self.tell(request))
        except DisconnectedError:
            return Response(status_code=400)  # nobody reads it
        except RefusalError as err:
            self.meters.rejected(err.reason)
            answer = self.json(v2.error(err.message), err.status)
            if err.status in {429, 503}:
                answer.headers["retry-after"] = "1"
            return answer

    async def seen(self, request: Request) -> Response:
        """Answer with what was seen of the answers until now."""
        return self.json(self.documents[request.scope["path"]]())

    def refuse_other_models(self, request: Request) -> None:
        asked = request.path_params
        if reason := absent(self.service, self.model, asked.get("model", self.service), asked.get("version", "")):
            raise HTTPException(404, reason)

    async def refused(self, request: Request, err: Exception) -> Response:
        status, detail = (err.status_code, err.detail) if isinstance(err, HTTPException) else (500, "")
        if status != 404 or not detail.startswith(("no model", "no version")):
            detail = f"{request.method} {quoted(request.url.path)} is not answered here"
        answer = self.json(v2.error(detail), status)
        if status == 405 and isinstance(err, HTTPException) and err.headers:
            answer.headers["allow"] = ", ".join(sorted(err.headers["Allow"].split(", ")))
        return answer

    def document(self, content: dict[str, str | bool | list[str]], status: int = 200) -> Response:
        return self.json(v2.ENCODER.encode(content), status)

    def json(self, content: bytes, status: int = 200) -> Response:
        return Response(content, status, {measures.MODEL_HEADER: self.model}, media_type="application/json")


def absent(service: str, model: str, name: str, version: str) -> str | None:
    """Return why a model that is asked for is not the one here, None when it is; no version is any version."""
    if name != service:
        return f"no model {quoted(name)} here; there is {service!r}.{did_you_mean(name, [service])}"
    if version not in ("", model):
        return f"no version {quoted(version)} of {name!r} here; there is {model!r}"
    return None
