"""LightGBM's own text, by LightGBM."""

import re
from collections.abc import Mapping
from typing import Any

from headgate.errors import PermanentError
from headgate.models import lightgbm_text
from headgate.models.formats import Matrix, Raw, only, refuse_objective, refuse_order, refuse_width
from headgate.models.signature import Signature

BEGINS = b"tree\n"
OBJECTIVE = re.compile(rb"^objective=(\S+)", re.MULTILINE)
PROBABLE = {
    "binary": frozenset({"binary", "cross_entropy"}),
    "multiclass": frozenset({"multiclass", "multiclassova", "binary"}),
}
"""Objectives whose predictions are probabilities, by task; a number may be any."""


def open_model(files: Mapping[str, bytes], signature: Signature, threads: int) -> Raw:
    """Return the booster; its text says the objective, so that raw scores are never taken for probabilities."""
    content = only(files, "LightGBM")
    if not content.startswith(BEGINS):
        raise PermanentError(
            f"the file is no LightGBM model: it begins with {content[:20]!r}, expected 'tree'",
            next_step="write it with Booster.save_model",
        )
    lightgbm_text.check(content)
    from lightgbm import Booster  # noqa: PLC0415 - an extra
    from lightgbm.basic import LightGBMError  # noqa: PLC0415

    try:
        booster = Booster(model_str=content.decode())
    except (LightGBMError, ValueError) as err:
        raise PermanentError(f"LightGBM cannot load the model: {str(err)[:300]}") from err
    refuse_width(booster.num_feature(), signature, "LightGBM")
    refuse_order(booster.feature_name(), signature, "LightGBM")
    refuse_objective(objective(content), PROBABLE, signature, "LightGBM")
    return Trees(booster, threads)


class Trees:
    """A booster at work."""

    def __init__(self, booster: Any, threads: int) -> None:
        self.booster = booster
        self.threads = threads

    def __call__(self, matrix: Matrix) -> Any:
        """Return raw predictions."""
        return self.booster.predict(matrix, num_threads=self.threads)

    def contributions(self, matrix: Matrix) -> Any:
        """Return SHAP values, the base last, output after output (Lundberg's TreeSHAP, LightGBM's own)."""
        return self.booster.predict(matrix, num_threads=self.threads, pred_contrib=True)


def objective(content: bytes) -> str:
    r"""Return the objective a model's text names; one of the user's own has no name.

    >>> objective(b"tree\nversion=v4\nobjective=binary sigmoid:1\n")
    'binary'
    """
    found = OBJECTIVE.search(content)
    return found[1].decode() if found else "custom"
