"""The built-in linear models: numbers filled with their mean and scaled, categories one column each."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from headgate.train.sample import Sample

LOGISTIC_DEFAULTS: dict[str, Any] = {"C": 1.0, "max_iter": 500}
LOGISTIC_SPACE: dict[str, tuple[float | int | str | bool, ...]] = {"C": (0.001, 100.0)}
LINEAR_DEFAULTS: dict[str, Any] = {"alpha": 1.0}
LINEAR_SPACE: dict[str, tuple[float | int | str | bool, ...]] = {"alpha": (0.001, 1000.0)}
NO_CATEGORY = -1.0
"""The code of a missing category: a column of its own where training rows had one."""


def fit_logistic(train: Sample, tune: Sample, params: Mapping[str, Any], seed: int) -> Any:  # noqa: ARG001 - nothing to stop early
    """Return a logistic regression with the preparation it needs."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow

    return fitted(LogisticRegression(**params, random_state=seed), train)


def fit_linear(train: Sample, tune: Sample, params: Mapping[str, Any], seed: int) -> Any:  # noqa: ARG001 - as above
    """Return a ridge regression with the preparation it needs."""
    from sklearn.linear_model import Ridge  # noqa: PLC0415 - slow

    return fitted(Ridge(**params, random_state=seed), train)


def fitted(model: Any, train: Sample) -> Any:
    import warnings  # noqa: PLC0415

    from sklearn.compose import ColumnTransformer  # noqa: PLC0415 - slow
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: PLC0415

    numbers = make_pipeline(SimpleImputer(strategy="mean", keep_empty_features=True), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=NO_CATEGORY, keep_empty_features=True),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = [("numbers", numbers, np.flatnonzero(~train.categorical).tolist())]
    columns += [("words", words, np.flatnonzero(train.categorical).tolist())]
    prepared = ColumnTransformer([column for column in columns if column[2]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the gate judges what came out
        return make_pipeline(prepared, model).fit(train.x.astype(np.float64), train.y)
