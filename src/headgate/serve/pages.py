"""The pages beside infer: metadata, health, metrics; each error is the protocol's JSON."""

from collections.abc import Callable
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import headgate.serve.protocol as v2
from headgate import measures
from headgate.models.signature import Signature
from headgate.names import did_you_mean
from headgate.serve.door import Door
from headgate.serve.meters import Meters
from headgate.serve.predictor import metadata_of
from headgate.serve.refusal import quoted

MODEL = "/v2/models/{model}"
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
        is_ready: Callable[[], bool],
    ) -> None:
        self.service, self.model = service, model
        self.metadata = v2.metadata(service, model, door.datatypes, metadata_of(signature))
        self.meters = meters
        self.is_ready = is_ready
        self.starlette = Starlette(
            routes=[
                Route("/v2", self.server),
                Route("/v2/health/live", self.live),
                Route("/v2/health/ready", self.ready),
                Route(MODEL, self.about),
                Route(MODEL + "/ready", self.ready),
                Route(MODEL + "/infer", self.infer, methods=["POST"]),
                Route("/metrics", self.metrics),
            ],
            exception_handlers={HTTPException: self.refused},
        )

    async def server(self, _request: Request) -> Response:
        return self.document({"name": "headgate", "version": version("headgate"), "extensions": []})

    async def live(self, _request: Request) -> Response:
        return self.document({"live": True})

    async def ready(self, request: Request) -> Response:
        self.refuse_other_models(request)
        ready = self.is_ready()
        return self.document({"name": self.service, "ready": ready}, 200 if ready else 503)

    async def about(self, request: Request) -> Response:
        self.refuse_other_models(request)
        return self.json(self.metadata)

    async def infer(self, request: Request) -> Response:
        """Refuse another model's name; this model's requests never come here."""
        self.refuse_other_models(request)
        raise HTTPException(404)

    async def metrics(self, _request: Request) -> Response:
        return Response(self.meters.text(), media_type=EXPOSITION)

    def refuse_other_models(self, request: Request) -> None:
        name = request.path_params.get("model", self.service)
        if name != self.service:
            hint = did_you_mean(name, [self.service])
            raise HTTPException(404, f"no model {quoted(name)} here; there is {self.service!r}.{hint}")

    async def refused(self, request: Request, err: Exception) -> Response:
        status, detail = (err.status_code, err.detail) if isinstance(err, HTTPException) else (500, "")
        if status != 404 or not detail.startswith("no model"):
            detail = f"{request.method} {quoted(request.url.path)} is not answered here"
        return self.json(v2.error(detail), status)

    def document(self, content: dict[str, str | bool | list[str]], status: int = 200) -> Response:
        return self.json(v2.ENCODER.encode(content), status)

    def json(self, content: bytes, status: int = 200) -> Response:
        return Response(content, status, {measures.MODEL_HEADER: self.model}, media_type="application/json")
