"""LightGBM and XGBoost models to files of their own formats, which predict what the library itself would."""

from collections.abc import Callable
from typing import Any

import numpy as np

from headgate.errors import PermanentError
from headgate.models.formats import Matrix, shaped
from headgate.models.loading import Predictions
from headgate.models.packed import FILES, Format, Packed
from headgate.models.signature import Signature

LIBRARIES: dict[str, Format] = {"lightgbm": "lightgbm", "xgboost": "xgboost"}
BOOSTER = "Booster"


def format_of(model: Any) -> Format | None:
    """Return the format a model's own library writes, None for any other; a subclass counts as its parent."""
    parents = (each for each in type(model).__mro__ if each.__module__.partition(".")[0] in LIBRARIES)
    return next((LIBRARIES[each.__module__.partition(".")[0]] for each in parents), None)


def is_booster(model: Any) -> bool:
    """Say whether a model is a bare booster, which has no classes and no `predict_proba`."""
    return format_of(model) is not None and BOOSTER in {each.__name__ for each in type(model).__mro__}


def packed(model: Any) -> Packed:
    """Return a fitted booster, or the one of a scikit-learn style estimator, as its library writes it."""
    format_ = format_of(model)
    content = lightgbm_text(model) if format_ == "lightgbm" else xgboost_bytes(model)
    return Packed(format_ or "lightgbm", {FILES[format_ or "lightgbm"]: content})


def lightgbm_text(model: Any) -> bytes:
    """Return the trees up to the best iteration, as LightGBM predicts with them."""
    booster = model if is_booster(model) else model.booster_
    return str(booster.model_to_string()).encode()


def xgboost_bytes(model: Any) -> bytes:
    """Return the booster; an estimator stopped early predicts with its best rounds, and only they are kept."""
    if is_booster(model):
        return bytes(model.save_raw("ubj"))
    if not np.isnan(model.missing):
        raise PermanentError(
            f"{type(model).__name__} takes {model.missing!r} for missing; here what is missing is NaN",
            next_step="leave its `missing` as it is: NaN",
        )
    booster = model.get_booster()
    rounds = getattr(model, "best_iteration", None)
    return bytes((booster if rounds is None else booster[: rounds + 1]).save_raw("ubj"))


def predictor(model: Any, signature: Signature) -> Callable[[Matrix], Predictions]:
    """Return what a bare booster itself predicts, in the package's shapes."""
    raw = model.predict if format_of(model) == "lightgbm" else xgboost_raw(model)
    return lambda x: shaped(raw(x), len(x), signature)


def xgboost_raw(model: Any) -> Callable[[Matrix], Any]:
    from xgboost import DMatrix  # noqa: PLC0415 - an extra

    def predict(x: Matrix) -> Any:
        names, kinds = model.feature_names, model.feature_types
        return model.predict(DMatrix(x, feature_names=names, feature_types=kinds, enable_categorical=True))

    return predict
