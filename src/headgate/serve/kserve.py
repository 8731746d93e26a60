"""The same answers in kserve's own ModelServer: a `kserve.Model` whose predict goes through Headgate's door."""

import json
from math import isnan
from typing import Any

import msgspec

from headgate.serve.mount import Mounted, ask

OK, FAILED, BUSY = 200, 500, 503


def model(mounted: Mounted) -> Any:
    """Return a `kserve.Model` that answers V1 and V2 as `headgate serve` does; kserve does the transport."""
    import kserve  # noqa: PLC0415 - not ours to install: its pins are its own

    class HeadgateModel(kserve.Model):  # type: ignore[misc]  # kserve has no types
        """The door and the model of `mounted`."""

        def __init__(self) -> None:
            super().__init__(mounted.service)
            self.metadata: dict[str, Any] = msgspec.json.decode(mounted.app.pages.metadata)
            self.ready = True

        async def predict(self, payload: Any, _headers: Any = None, _response_headers: Any = None) -> Any:
            """Return the prediction; what the door refuses is InvalidInput, in the door's words."""
            if isinstance(payload, kserve.InferRequest):
                answer = await answered(mounted, f"/v2/models/{self.name}/infer", document(payload))
                return response(answer, self.name, payload.id)
            return await answered(mounted, f"/v1/models/{self.name}:predict", payload)

        def get_input_types(self) -> Any:
            """Return the inputs as the model's metadata lists them."""
            return self.metadata["inputs"]

        def get_output_types(self) -> Any:
            """Return the outputs as the model's metadata lists them."""
            return self.metadata["outputs"]

    return HeadgateModel()


async def answered(mounted: Mounted, path: str, content: Any) -> Any:
    """Return the app's answer; each refusal is the kserve error of the same kind."""
    from kserve.errors import InferenceError, InvalidInput, ServerNotReady  # noqa: PLC0415 - as above

    status, body = await ask(mounted, path, json.dumps(content).encode())
    answer = msgspec.json.decode(body)
    if status == BUSY:
        raise ServerNotReady(answer["error"])
    if status != OK:
        raise (InvalidInput if status < FAILED else InferenceError)(answer["error"])
    return answer


def document(payload: Any) -> dict[str, Any]:
    """Return kserve's request as the V2 document that a client would have sent."""
    return {
        "inputs": [
            {"name": one.name, "shape": list(one.shape), "datatype": one.datatype, "data": values_of(one)}
            for one in payload.inputs
        ],
        "outputs": [{"name": one.name} for one in payload.request_outputs or ()],
    }


def values_of(tensor: Any) -> list[Any]:
    """Return a tensor's values, flat."""
    values = tensor.data if isinstance(tensor.data, list) else tensor.as_numpy().ravel().tolist()
    return [plain(value) for value in values]


def plain(value: Any) -> Any:
    """Return bytes as text, and null for the NaN by which binary tensors say it.

    >>> plain(b"berne"), plain(float("nan")), plain(1.5)
    ('berne', None, 1.5)
    """
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if isinstance(value, float) and isnan(value) else value


def response(answer: Any, name: str, request_id: str | None) -> Any:
    """Return a V2 answer as kserve's response."""
    from kserve import InferOutput, InferResponse  # noqa: PLC0415 - as above

    outputs = [InferOutput(one["name"], one["shape"], one["datatype"], one["data"]) for one in answer["outputs"]]
    return InferResponse(request_id, name, outputs, model_version=answer["model_version"])
