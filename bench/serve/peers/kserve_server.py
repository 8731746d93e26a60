"""kserve 0.21: a custom model as its docs write one, served by its ModelServer with one worker and default settings.

Source: https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks/custom-predictor
"""

from kserve import InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import get_predict_input, get_predict_response
from session import PORT, session


class OnnxModel(Model):
    """One tensor, or columns by name with content type `pd`, whichever the request has."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.load()

    def load(self) -> bool:
        self.session = session()
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name
        self.ready = True
        return self.ready

    def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:  # noqa: ARG002
        instances = get_predict_input(payload)
        matrix = instances if payload.inputs[0].name == "input-0" else instances.to_numpy(dtype="float32")
        [scores] = self.session.run([self.output], {self.input: matrix.astype("float32", copy=False)})
        return get_predict_response(payload, scores.reshape(len(matrix), -1)[:, -1], self.name)


if __name__ == "__main__":
    ModelServer(http_port=PORT, grpc_port=PORT + 1, workers=1).start([OnnxModel("bench")])
