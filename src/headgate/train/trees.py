"""Histogram gradient boosting to an ONNX tree ensemble that decides exactly as scikit-learn does.

skl2onnx (1.20) rounds thresholds to the nearest float32, so that a row on a threshold may go the other way, and takes
the codes of a categorical split for numbers. Here a threshold is rounded down (`x <= t` stays the same for every
float32 x), and a categorical split is a chain of equalities.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAF, EQUAL, AT_MOST = "LEAF", "BRANCH_EQ", "BRANCH_LEQ"


class Node(NamedTuple):
    """One node of a tree, in ONNX's words."""

    tree: int
    node: int
    feature: int = 0
    mode: str = LEAF
    value: float = 0.0
    yes: int = 0
    no: int = 0
    missing_is_yes: int = 0


class Leaf(NamedTuple):
    """What a leaf adds to which output."""

    tree: int
    node: int
    target: int
    value: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Which input column each column of the trees is, and the input value of each code of a categorical one."""

    source: list[int]
    categories: dict[int, NDArray[np.float64]]


def is_histogram_boosting(model: Any) -> bool:
    """Say whether `model` is a fitted HistGradientBoosting estimator."""
    return type(model).__name__ in {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"} and hasattr(
        model, "_predictors"
    )


def attributes(model: Any) -> dict[str, Any]:
    """Return the attributes of a TreeEnsembleRegressor that gives the model's raw scores."""
    nodes: list[Node] = []
    leaves: list[Leaf] = []
    columns = columns_of(model)
    rounds = model._predictors  # noqa: SLF001 - there is no public way to the trees; parity is checked
    for tree, (target, predictor) in enumerate(pair for trees in rounds for pair in enumerate(trees)):
        nodes += tree_nodes(tree, predictor, columns)
        found = np.flatnonzero(predictor.nodes["is_leaf"])
        leaves += [Leaf(tree, int(at), target, float(predictor.nodes["value"][at])) for at in found]
    baseline = np.ravel(model._baseline_prediction)  # noqa: SLF001 - as above
    return {
        "n_targets": len(baseline),
        "base_values": [float(value) for value in baseline],
        "post_transform": "NONE",
        "nodes_treeids": [node.tree for node in nodes],
        "nodes_nodeids": [node.node for node in nodes],
        "nodes_featureids": [node.feature for node in nodes],
        "nodes_modes": [node.mode for node in nodes],
        "nodes_values": [node.value for node in nodes],
        "nodes_truenodeids": [node.yes for node in nodes],
        "nodes_falsenodeids": [node.no for node in nodes],
        "nodes_missing_value_tracks_true": [node.missing_is_yes for node in nodes],
        "target_treeids": [leaf.tree for leaf in leaves],
        "target_nodeids": [leaf.node for leaf in leaves],
        "target_ids": [leaf.target for leaf in leaves],
        "target_weights": [leaf.value for leaf in leaves],
    }


def columns_of(model: Any) -> Columns:
    """Return how the model reorders its input: scikit-learn puts categorical columns first, as ordinal codes."""
    width = model.n_features_in_
    if model.is_categorical_ is None:
        return Columns(source=list(range(width)), categories={})
    categorical = np.flatnonzero(model.is_categorical_).tolist()
    numeric = np.flatnonzero(~model.is_categorical_).tolist()
    encoder = model._preprocessor.named_transformers_["encoder"]  # noqa: SLF001 - the codes are kept nowhere else
    return Columns(source=categorical + numeric, categories=dict(enumerate(encoder.categories_)))


def tree_nodes(tree: int, predictor: Any, columns: Columns) -> Iterator[Node]:
    """Yield the nodes of one tree; a categorical split becomes a chain whose further links come after all nodes."""
    spare = len(predictor.nodes)
    for number, node in enumerate(predictor.nodes):
        feature = columns.source[int(node["feature_idx"])]
        left, right, missing = int(node["left"]), int(node["right"]), int(node["missing_go_to_left"])
        if node["is_leaf"]:
            yield Node(tree, number)
        elif not node["is_categorical"]:
            yield Node(tree, number, feature, AT_MOST, floor32(float(node["num_threshold"])), left, right, missing)
        else:
            # What is missing or unknown falls through, so the chain asks for the categories of the other side.
            asked, rest = (right, left) if missing else (left, right)
            bits = predictor.raw_left_cat_bitsets[int(node["bitset_idx"])]
            values = list(categories(bits, columns.categories[int(node["feature_idx"])], left=not missing))
            links = [number, *range(spare, spare + len(values) - 1), rest]
            spare += len(values) - 1
            for at, value, following in zip(links[:-1], values, links[1:], strict=True):
                yield Node(tree, at, feature, EQUAL, value, asked, following)


def categories(bits: NDArray[np.uint32], known: NDArray[np.float64], *, left: bool) -> Iterator[float]:
    """Yield the known categories on one side of a split."""
    for code, value in enumerate(known):
        is_left = bool((int(bits[code // 32]) >> (code % 32)) & 1)
        if is_left == left and not np.isnan(value):
            yield float(value)


def floor32(threshold: float) -> float:
    """Return the largest float32 that is at most `threshold`.

    >>> floor32(0.15) <= 0.15 < float(np.float32(0.15))
    True
    """
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))
