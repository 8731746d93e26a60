"""What counts as drift."""

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta

from headgate.specs.reading import Spec


class Drift(Spec, frozen=True, kw_only=True):
    """An alarm needs an effect that is large and beyond what the reference does to itself."""

    window: timedelta = timedelta(days=7)
    method: Literal["psi", "jensen_shannon", "wasserstein"] = "jensen_shannon"
    effect: Annotated[float, Meta(gt=0)] = 0.1
    """Smallest distance that matters, in the method's own unit."""
    null_quantile: Annotated[float, Meta(gt=0.5, lt=1)] = 0.99
    """Quantile of the distances between equal-length reference blocks that a drifted column exceeds."""
    min_rows: Annotated[int, Meta(ge=20)] = 500
    columns_share: Annotated[float, Meta(gt=0, le=1)] = 0.3
    """Share of columns that must drift before the window counts as drifted; the score's drift counts alone."""
