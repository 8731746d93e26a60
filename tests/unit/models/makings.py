"""A signature and a tiny ONNX model of it, made by hand."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from headgate.models.signature import Feature, Signature

SIGNATURE = Signature(
    service="flights",
    task="binary",
    classes=("0", "1"),
    features=(
        Feature(name="temp", kind="number"),
        Feature(name="carrier", kind="category", categories=("AA", "UA")),
    ),
)


def adding_model(width: int = 2, outputs: int = 1) -> bytes:
    """Return a model whose outputs are the sum of its inputs, times 1, 2, …"""
    weights = numpy_helper.from_array(np.tile(np.arange(1, outputs + 1, dtype=np.float32), (width, 1)), name="weights")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, w]) for n, w in (("x", width), ("y", outputs))]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["y"])], "sum", ends[:1], ends[1:], [weights]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString(deterministic=True))
