"""Histogram gradient boosting inside a pipeline or an ensemble: skl2onnx is taught our exact conversion."""

from typing import Any

import numpy as np

from headgate.train import trees

OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}
"""Those skl2onnx gives its own classifiers; calibration asks for raw scores."""
FLOAT, INT64 = 1, 7
"""ONNX's element types."""


def register() -> None:
    """Teach skl2onnx both estimators; again is fine."""
    from skl2onnx import update_registered_converter  # noqa: PLC0415 - slow
    from skl2onnx.common.shape_calculator import (  # noqa: PLC0415
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # noqa: PLC0415

    update_registered_converter(
        HistGradientBoostingClassifier,
        "HeadgateHistGradientBoostingClassifier",
        calculate_linear_classifier_output_shapes,
        classifier,
        options=OPTIONS,
    )
    update_registered_converter(
        HistGradientBoostingRegressor,
        "HeadgateHistGradientBoostingRegressor",
        calculate_linear_regressor_output_shapes,
        regressor,
    )


def regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add the trees, whose sum is the output."""
    add_trees(scope, operator, container, operator.outputs[0].full_name)


def classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add the trees, the probabilities (or raw scores) of the classes, and the class with the largest."""
    label, output = (each.full_name for each in operator.outputs)
    scores, winner, classes = (scope.get_unique_variable_name(name) for name in ("scores", "winner", "classes"))
    model = operator.raw_operator
    raw = container.get_options(model, {"raw_scores": False})["raw_scores"]
    add_trees(scope, operator, container, scores)
    if len(model.classes_) == 2:
        two_columns(scope, container, scores, output, raw=raw)
    else:
        add(scope, container, "Identity" if raw else "Softmax", [scores], output, **({} if raw else {"axis": 1}))
    container.add_initializer(classes, INT64, [len(model.classes_)], np.asarray(model.classes_, np.int64).tolist())
    add(scope, container, "ArgMax", [output], winner, axis=1, keepdims=0)
    add(scope, container, "Gather", [classes, winner], label)


def two_columns(scope: Any, container: Any, scores: str, output: str, *, raw: bool) -> None:
    positive, negative, one = (scope.get_unique_variable_name(name) for name in ("positive", "negative", "one"))
    if raw:
        positive = scores
        add(scope, container, "Neg", [scores], negative)
    else:
        add(scope, container, "Sigmoid", [scores], positive)
        container.add_initializer(one, FLOAT, [1], [1.0])
        add(scope, container, "Sub", [one, positive], negative)
    add(scope, container, "Concat", [negative, positive], output, axis=1)


def add_trees(scope: Any, operator: Any, container: Any, output: str) -> None:
    container.add_node(
        "TreeEnsembleRegressor",
        operator.inputs[0].full_name,
        output,
        name=scope.get_unique_operator_name("trees"),
        op_domain="ai.onnx.ml",
        op_version=3,
        **trees.attributes(operator.raw_operator),
    )


def add(scope: Any, container: Any, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
    container.add_node(kind, inputs, output, name=scope.get_unique_operator_name(kind), op_version=13, **attributes)
