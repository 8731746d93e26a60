"""Answered rows of a model with a function of its owner's: its features made once more, and counted as drift does."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from headgate.drift.columns import profile_like, scores_frame
from headgate.features import compute
from headgate.models.loading import Predictions
from headgate.serve.door.admission import Admitted
from headgate.serve.model.predictor import Predictor
from headgate.serve.observers.bins import Bins
from headgate.serve.observers.counting import Counted, Places
from headgate.stats.profile import Categories, cells


class Framed:
    """Counts the columns of features()."""

    rows_at_once = 512
    """A call costs much however few its rows are, and more of them hold up an answer longer."""

    def __init__(self, predictor: Predictor, bins: Bins) -> None:
        self.predictor = predictor
        self.bins = bins

    def count(
        self, rows: Admitted, scores: Predictions, groups: Places, pause: Callable[[], None]
    ) -> Iterator[Counted]:
        """Yield each column's cells by group."""
        predictor, signature = self.predictor, self.predictor.loaded.signature
        frame = predictor.door.frame(rows)
        pause()
        made = compute(frame, predictor.spec, predictor.function)
        whole = made.hstack(scores_frame(scores, signature.classes if signature.task == "multiclass" else ()))
        pause()
        many = int(groups.max()) + 1
        parts = [whole] if many == 1 else [whole.filter(pl.Series(groups == group)) for group in range(many)]
        for name in self.bins:
            if name in whole.columns and (counted := self.column(name, parts)):
                yield counted
            pause()

    def column(self, name: str, parts: list[pl.DataFrame]) -> Counted | None:
        """Return one column's cells, None where it is of another kind than its bins."""
        profiles = [found for part in parts if (found := profile_like(part[name], self.bins[name])) is not None]
        if not profiles:
            return None
        unseen = {
            group: set(found.unseen_names) for group, found in enumerate(profiles) if isinstance(found, Categories)
        }
        return Counted(name, np.stack([cells(found) for found in profiles]), unseen)
