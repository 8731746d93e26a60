"""How the model is fitted."""

from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier

from headgate.train.sample import Sample

DEFAULTS: dict[str, Any] = {
    "max_iter": 100,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 200,
    "early_stopping": False,
}


def fit(train: Sample, tune: Sample, params: dict[str, Any], seed: int) -> HistGradientBoostingClassifier:  # noqa: ARG001
    """Fit on the training rows; the tune rows are for a search, the gate rows are never seen here."""
    return HistGradientBoostingClassifier(**{**DEFAULTS, **params}, random_state=seed).fit(train.x, train.y)
