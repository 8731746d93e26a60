"""Whatever fit returned to ONNX: one float input `x`, one output, the same bytes for the same model."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headgate.errors import PermanentError
from headgate.models.formats import Matrix
from headgate.models.loading import Predictions
from headgate.models.signature import Signature
from headgate.train import nested, trees

INPUT, OUTPUT = "x", "y"
TENSOR_OPSET, TREE_OPSET, IR_VERSION = 18, 3, 8
"""Old enough for every ONNX Runtime since 1.14."""


def to_onnx(model: Any, signature: Signature) -> bytes:
    """Return `model` as ONNX bytes with the input `x` (rows, features) and a single output, or say what to do."""
    check_fitted(model, signature)
    if is_onnx(model):
        graph = model
    elif trees.is_histogram_boosting(model):
        graph = boosted(model, signature)
    else:
        graph = converted(model, signature)
    return canonical(graph, signature)


def is_onnx(model: Any) -> bool:
    return type(model).__name__ == "ModelProto" and hasattr(model, "graph")


def check_fitted(model: Any, signature: Signature) -> None:
    """Refuse what can't be packaged before anything is tried."""
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    if is_onnx(model):
        return
    method = "predict" if signature.task == "regression" else "predict_proba"
    if not callable(getattr(model, method, None)):
        raise PermanentError(
            f"fit returned {kind}, which has no `{method}`; task {signature.task!r} needs it",
            next_step="return a fitted scikit-learn estimator (CalibratedClassifierCV adds predict_proba), a LightGBM "
            "or XGBoost model, an onnx ModelProto, or the Path of a model file",
        )
    if signature.task != "regression":
        known = np.asarray(getattr(model, "classes_", np.arange(len(signature.classes))))
        if known.dtype.kind not in "biuf" or not np.array_equal(known, np.arange(len(signature.classes))):
            raise PermanentError(
                f"fit returned {kind} for classes {known.tolist()}, expected {list(range(len(signature.classes)))}",
                next_step="fit on train.y as it is: every class is in it, by its code",
            )


def boosted(model: Any, signature: Signature) -> Any:
    """Return the model's trees, then its link; a number's baseline is added in double precision."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - slow

    attributes = trees.attributes(model)
    baseline, constants, kind = attributes["base_values"], [], TensorProto.FLOAT
    columns = len(baseline)
    if signature.task == "regression":
        attributes["base_values"], kind = [0.0] * columns, TensorProto.DOUBLE
        constants = [helper.make_tensor("baseline", kind, [columns], baseline)]
        link = [helper.make_node("Cast", ["score"], ["wide"], to=kind)]
        link += [helper.make_node("Add", ["wide", "baseline"], [OUTPUT])]
    elif columns > 1:
        link = [helper.make_node("Softmax", ["score"], [OUTPUT], axis=1)]
    elif signature.task == "binary":
        link = [helper.make_node("Sigmoid", ["score"], [OUTPUT])]
    else:  # two classes of a multiclass service
        columns = 2
        link = [helper.make_node("Neg", ["score"], ["against"])]
        link += [helper.make_node("Concat", ["against", "score"], ["both"], axis=1)]
        link += [helper.make_node("Sigmoid", ["both"], [OUTPUT])]
    ensemble = helper.make_node("TreeEnsembleRegressor", [INPUT], ["score"], domain="ai.onnx.ml", **attributes)
    x = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(signature.features)])
    y = helper.make_tensor_value_info(OUTPUT, kind, [None, columns])
    graph = helper.make_graph([ensemble, *link], "model", [x], [y], constants)
    opsets = [helper.make_opsetid("", TENSOR_OPSET), helper.make_opsetid("ai.onnx.ml", TREE_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def converted(model: Any, signature: Signature) -> Any:
    """Return what skl2onnx makes of a scikit-learn estimator."""
    from skl2onnx import convert_sklearn  # noqa: PLC0415 - slow
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415

    nested.register()
    options = None if signature.task == "regression" else {id(model): {"zipmap": False}}
    try:
        return convert_sklearn(
            model,
            name="model",
            initial_types=[(INPUT, FloatTensorType([None, len(signature.features)]))],
            options=options,
            target_opset={"": TENSOR_OPSET, "ai.onnx.ml": TREE_OPSET},
        )
    except Exception as err:  # what a converter raises is as varied as what it is given
        raise PermanentError(
            f"{type(model).__module__}.{type(model).__qualname__} does not convert to ONNX: "
            f"{' '.join(str(err).split())[:300]}",
            next_step="return an estimator that skl2onnx supports (https://onnx.ai/sklearn-onnx/supported.html), an "
            "onnx ModelProto, a LightGBM or XGBoost model as it is, or the Path of a file that skops.io.dump wrote",
        ) from err


def canonical(graph: Any, signature: Signature) -> bytes:
    """Return the bytes of a model with one input and one output, free of names and dates of its making."""
    model = type(graph)()
    model.CopyFrom(graph)
    refuse_inputs(model, len(signature.features))
    output = prediction_output(model)
    del model.graph.output[:]
    model.graph.output.append(output)
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)  # skl2onnx keeps them in a set
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    model.producer_name, model.producer_version, model.doc_string, model.graph.doc_string = "headgate", "", "", ""
    return bytes(model.SerializeToString(deterministic=True))


def refuse_inputs(model: Any, width: int) -> None:
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    kinds = [each.type.tensor_type for each in inputs]
    float32 = 1
    if len(kinds) != 1 or kinds[0].elem_type != float32 or len(kinds[0].shape.dim) != 2:
        raise PermanentError(
            f"the ONNX model takes {', '.join(each.name for each in inputs) or 'nothing'}; "
            f"expected one float32 input of shape (rows, {width})"
        )
    given = kinds[0].shape.dim[1].dim_value
    if given not in {0, width}:
        raise PermanentError(f"the ONNX model takes {given} features, and there are {width}")


def prediction_output(model: Any) -> Any:
    """Return the output that holds probabilities or numbers: the last tensor of floats."""
    floats = {1, 11}
    found = [each for each in model.graph.output if each.type.tensor_type.elem_type in floats]
    if not found:
        names = ", ".join(each.name for each in model.graph.output)
        raise PermanentError(
            f"the ONNX model has no output of numbers: {names}", next_step="convert it with the option zipmap=False"
        )
    return found[-1]


def predictor(model: Any, signature: Signature) -> Callable[[Matrix], Predictions] | None:
    """Return what the estimator itself predicts, in the package's shapes; None for an ONNX model, its own judge."""
    if is_onnx(model):
        return None
    if signature.task == "regression":
        return lambda x: np.asarray(model.predict(x), dtype=np.float64).reshape(len(x))
    if signature.task == "multiclass":
        return lambda x: np.asarray(model.predict_proba(x), dtype=np.float64)
    return lambda x: np.asarray(model.predict_proba(x), dtype=np.float64)[:, 1]


def choices(predictions: Predictions) -> NDArray[np.int64]:
    """Return the class each row is given."""
    return predictions.argmax(axis=1) if predictions.ndim == 2 else (predictions >= 0.5).astype(np.int64)
