"""What counts as drift, and what as a loss of performance."""

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta

from headgate.specs.reading import Spec

Share = Annotated[float, Meta(gt=0, le=1)]


class Drift(Spec, frozen=True, kw_only=True):
    """An alarm needs an effect that is large and beyond what the reference does to itself."""

    window: timedelta = timedelta(days=7)
    """How long a window of served rows is."""
    method: Literal["psi", "jensen_shannon", "wasserstein"] = "jensen_shannon"
    """jensen_shannon: the distance (root of the base-2 divergence), from 0 to 1 for numbers and categories alike."""
    effect: Annotated[float, Meta(gt=0)] = 0.1
    """Smallest distance that matters, in the method's own unit. Without it a mix of carriers, the same every week, is
    always beyond its own tiny null."""
    null_factor: Annotated[float, Meta(ge=1)] = 1.25
    """How many times the largest distance of a reference block (as long as `window`, against the rest of the
    reference) a drifted column exceeds. A factor of the largest and not a quantile: three months are 13 blocks, which
    have no 99th percentile. And not a fixed PSI of 0.2, which fired in nearly every week of a year: season, not drift.
    """
    share_effect: Share = 0.1
    """Smallest change of a null, infinite or unseen share that matters; beyond `null_factor` times the blocks' largest
    change too."""
    min_rows: Annotated[int, Meta(ge=20)] = 500
    """Fewer rows in the window say nothing."""
    columns_share: Share = 0.3
    """Share of columns that must drift before the window counts as drifted; the score's drift counts alone."""


class Performance(Spec, frozen=True, kw_only=True):
    """How much worse than at the gate the answers of a window must credibly be."""

    drop: Annotated[float, Meta(ge=0)] = 0.02
    """For metrics where higher is better (auc, accuracy), absolute. Weeks differ by more than errors clustered by day
    say, hence a floor and not just `worse than at the gate`."""
    relative_drop: Annotated[float, Meta(ge=0)] = 0.04
    """For losses: share of the value at the gate."""
    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    """One-sided level of the lower bound of the drop."""
    min_rows: Annotated[int, Meta(ge=2)] = 200
    """Fewer labelled rows in the window are no evidence."""
    min_clusters: Annotated[int, Meta(ge=2)] = 4
    """Fewer clusters, for instance days, say nothing about their own spread."""
