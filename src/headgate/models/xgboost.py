"""XGBoost's own JSON or UBJSON, by XGBoost."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.errors import PermanentError
from headgate.models import ubjson, xgboost_trees
from headgate.models.formats import Matrix, Raw, only, refuse_objective, refuse_order, refuse_width
from headgate.models.signature import Signature

BEGINS = b"{"
PROBABLE = {
    "binary": frozenset({"binary:logistic", "reg:logistic"}),
    "multiclass": frozenset({"multi:softprob", "binary:logistic"}),
}
"""Objectives whose predictions are probabilities, by task; a number may be any."""


def open_model(files: Mapping[str, bytes], signature: Signature, threads: int) -> Raw:
    """Return the booster; what is missing is NaN."""
    content = only(files, "XGBoost")
    if not content.startswith(BEGINS):
        raise PermanentError(
            f"the file is no XGBoost model: it begins with {content[:20]!r}, expected JSON or UBJSON",
            next_step="write it with Booster.save_model('model.ubj')",
        )
    refuse_damaged(content)
    from xgboost import Booster  # noqa: PLC0415 - an extra
    from xgboost.core import XGBoostError  # noqa: PLC0415

    booster = Booster()
    try:
        booster.load_model(bytearray(content))
        booster.set_param({"nthread": threads})
        config = json.loads(booster.save_config())["learner"]
    except (XGBoostError, UnicodeDecodeError) as err:  # the latter: it quotes bytes of the file, which are no text
        raise PermanentError(f"XGBoost cannot load the model: {first_line(err)}", next_step=ubjson.MEND) from err
    refuse_width(booster.num_features(), signature, "XGBoost")
    refuse_order(booster.feature_names or [], signature, "XGBoost")
    refuse_objective(config["objective"]["name"], PROBABLE, signature, "XGBoost")
    return Boosted(booster, is_linear=config["gradient_booster"]["name"] == "gblinear")


def refuse_damaged(content: bytes) -> None:
    """Refuse a document that XGBoost's own reader would follow past its end, or down without an end."""
    if content[1:2] == ubjson.INT64:
        xgboost_trees.check(ubjson.read(content))
        return
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise PermanentError(
            f"the JSON of the XGBoost model is cut short or damaged: {str(err)[:200]}", next_step=ubjson.MEND
        ) from err
    xgboost_trees.check(document)


class Boosted:
    """A booster at work."""

    def __init__(self, booster: Any, *, is_linear: bool) -> None:
        self.booster = booster
        self.predict = self.on_copy if is_linear else booster.inplace_predict

    def __call__(self, matrix: Matrix) -> Any:
        """Return predictions; a linear booster makes them of a DMatrix only."""
        return self.predict(matrix)

    def on_copy(self, matrix: Matrix) -> Any:
        return self.booster.predict(self.copied(matrix))

    def contributions(self, matrix: Matrix) -> Any:
        """Return SHAP values, the base last, output after output (TreeSHAP, or exact where it is linear)."""
        return self.booster.predict(self.copied(matrix), pred_contribs=True)

    def copied(self, matrix: Matrix) -> Any:
        from xgboost import DMatrix  # noqa: PLC0415 - an extra

        booster = self.booster
        return DMatrix(matrix, feature_names=booster.feature_names, feature_types=booster.feature_types)


def first_line(err: Exception) -> str:
    """Return what XGBoost says without its stack."""
    return next((line for line in str(err).splitlines() if line.strip()), "")[:300]
