"""A second model of the same service, whose answers differ from the first's."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from headgate.models import package
from headgate.names import Digest
from unit.serve.running import World, network


def second(made: World, folder: str = "second", task: str = "binary", turn: float = -3.0) -> tuple[Path, Digest]:
    """Package the first one's network with other weights beside it."""
    model = onnx.load_model_from_string(network(task))
    weights = numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array((weights * turn).astype(np.float32), "w"))
    signature = package.read_signature(made.model)
    where = made.folder / folder
    return where, package.write(where, model.SerializeToString(), signature, {})
