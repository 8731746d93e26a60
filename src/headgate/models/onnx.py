"""ONNX by ONNX Runtime: one float32 input, one output."""

from collections.abc import Mapping
from typing import Any

from headgate.errors import PermanentError
from headgate.models.additive import contributions, is_linear
from headgate.models.formats import Matrix, Raw, only
from headgate.models.signature import Signature

QUIET = 3
"""ONNX Runtime's log level: errors."""


def open_model(files: Mapping[str, bytes], signature: Signature, threads: int) -> Raw:
    """Return the network on the CPU."""
    content = only(files, "ONNX")
    running = session(content, threads)
    given, wanted, run = running.get_inputs()[0].name, [prediction(running)], running.run

    def predict(matrix: Matrix) -> Any:
        return run(wanted, {given: matrix})[0]

    return Linear(predict, signature) if is_linear(content, signature) else predict


class Linear:
    """A network that ends in a linear model: it can say what each feature adds."""

    def __init__(self, predict: Raw, signature: Signature) -> None:
        self.predict = predict
        self.signature = signature

    def __call__(self, matrix: Matrix) -> Any:
        """Return raw predictions."""
        return self.predict(matrix)

    def contributions(self, matrix: Matrix) -> Any:
        """Return exact SHAP values against a row of means, the base last; None where they don't add up."""
        return contributions(self.predict, matrix, self.signature)


def prediction(running: Any) -> str:
    """Return the output that holds probabilities or numbers: the last tensor of floats."""
    found = [each.name for each in running.get_outputs() if each.type in ("tensor(float)", "tensor(double)")]
    if not found:
        names = ", ".join(each.name for each in running.get_outputs())
        raise PermanentError(
            f"the ONNX model has no output of numbers: {names}", next_step="convert it with the option zipmap=False"
        )
    return str(found[-1])


def session(onnx: bytes, threads: int) -> Any:
    """Return an ONNX Runtime session on the CPU that neither spins nor talks."""
    import onnxruntime  # noqa: PLC0415 - signatures are read where no model runs

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as err:  # its exceptions share no public class
        raise PermanentError(f"ONNX Runtime cannot load the model: {str(err)[:300]}") from err
