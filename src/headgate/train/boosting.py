"""The built-in trees: histogram gradient boosting, for every task, missing values and categories as they are."""

from collections.abc import Mapping
from typing import Any

from headgate.train.sample import Sample

DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.08,
    "max_iter": 300,  # at most: the tune rows stop it
    "max_leaf_nodes": 31,
    "max_depth": None,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_features": 0.7,  # share of columns a split may use: seeds differ, trees agree less
    "max_bins": 255,
    "n_iter_no_change": 20,
    "early_stopping": True,
}
SPACE: dict[str, tuple[float | int | str | bool, ...]] = {
    "learning_rate": (0.02, 0.3),
    "max_leaf_nodes": (7, 63),
    "min_samples_leaf": (10, 200),
    "l2_regularization": (0.01, 10.0),
    "max_features": (0.3, 1.0),
}


def fit(train: Sample, tune: Sample, params: Mapping[str, Any], seed: int) -> Any:
    """Return boosted trees, stopped when the tune rows no longer gain."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # noqa: PLC0415 - slow

    kind = HistGradientBoostingRegressor if train.task == "regression" else HistGradientBoostingClassifier
    model = kind(**params, categorical_features=train.categorical, random_state=seed)
    validation = {"X_val": tune.x, "y_val": tune.y} if params["early_stopping"] else {}
    return model.fit(train.x, train.y, **validation)
