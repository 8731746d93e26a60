"""XGBoost's trees, looked through before XGBoost does: it follows indices without asking, and ends the process."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headgate.errors import PermanentError
from headgate.models.ubjson import MEND

LEAF = -1
HIGHEST_CATEGORY = 1 << 24
"""XGBoost's own bound; a set of categories has a bit for each."""
NOBODY = (-1, (1 << 31) - 1)
"""The root's parent."""
A_NODE = ("left_children", "right_children", "split_indices", "parents", "split_conditions", "default_left")
"""Lists with a number for each node."""
Whole = NDArray[np.int64]


def check(document: Any) -> None:
    """Refuse a model whose trees point at what is not there; its numbers may be any."""
    try:
        learner = document["learner"]
        booster, known = learner["gradient_booster"], learner["learner_model_param"]
        features = int(known["num_feature"])
        groups = max(1, int(known["num_class"]), int(known.get("num_target", 1)))
        expect(features > 0)
        if booster["name"] == "gblinear":
            expect(len(booster["model"]["weights"]) == (features + 1) * groups)
            return
        if "weight_drop" in booster:
            expect(len(booster["weight_drop"]) == len(booster["gbtree"]["model"]["trees"]))
        forest((booster.get("gbtree", booster))["model"], features, groups)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as err:
        raise PermanentError("the trees of the XGBoost model are damaged", next_step=MEND) from err


def forest(model: Mapping[str, Any], features: int, groups: int) -> None:
    trees, of = model["trees"], whole(model["tree_info"])
    expect(len(trees) == len(of) == int(model["gbtree_model_param"]["num_trees"]))
    expect(bool(((of >= 0) & (of < groups)).all()))
    rounds = whole(model.get("iteration_indptr", [0, len(trees)]))
    expect(rounds[0] == 0 and rounds[-1] == len(trees) and bool((np.diff(rounds) >= 0).all()))
    for tree in trees:
        expect(int(tree["tree_param"]["num_feature"]) == features)
        walk(tree, features)


def walk(tree: Mapping[str, Any], features: int) -> None:
    """Refuse a tree whose nodes lead nowhere, meet again, or ask for a feature or categories that are not there."""
    count = int(tree["tree_param"]["num_nodes"])
    expect(count > 0 and all(len(tree[name]) == count for name in A_NODE))
    left, right, asked, parents = (whole(tree[name]) for name in A_NODE[:4])
    kinds = whole(tree.get("split_type", [])) if len(tree.get("split_type", [])) else np.zeros(count, np.int64)
    expect(len(kinds) == count and bool(np.isin(kinds, (0, 1)).all()))
    sets = categories(tree, count)
    expect(bool(((left == LEAF) == (right == LEAF)).all()))
    expect(parents[0] in NOBODY and bool((((parents >= 0) & (parents < count)) | np.isin(parents, NOBODY)).all()))
    met, level = 0, np.zeros(1, np.int64)
    while len(level):
        met += len(level)
        expect(met <= count)
        nodes = level[left[level] != LEAF]
        expect(bool(((asked[nodes] >= 0) & (asked[nodes] < features)).all()))
        expect(bool(np.isin(nodes[kinds[nodes] == 1], sets).all()))
        level = np.concatenate([left[nodes], right[nodes]])
        expect(bool(((level >= 0) & (level < count)).all()) and bool((parents[level] == np.tile(nodes, 2)).all()))


def categories(tree: Mapping[str, Any], count: int) -> Whole:
    """Return the nodes that have a set of categories."""
    nodes, begins, sizes, values = (
        whole(tree.get(f"categories{name}", [])) for name in ("_nodes", "_segments", "_sizes", "")
    )
    expect(len(nodes) == len(begins) == len(sizes))
    expect(bool(((nodes >= 0) & (nodes < count)).all()) and bool((np.diff(nodes) > 0).all()))
    expect(bool(((begins >= 0) & (sizes > 0) & (sizes <= len(values)) & (begins <= len(values) - sizes)).all()))
    expect(bool(((values >= 0) & (values < HIGHEST_CATEGORY)).all()))
    return nodes


def whole(numbers: Any) -> Whole:
    found = np.asarray(numbers)
    expect(found.ndim == 1 and (found.dtype.kind in "iu" or not len(found)))
    return found.astype(np.int64)


def expect(promise: bool) -> None:
    if not promise:
        raise ValueError
