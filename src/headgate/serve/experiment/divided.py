"""Two models answer, each its own part of the rows; every row is logged under the model that answered it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from headgate import measures
from headgate.models.formats import Matrix
from headgate.models.loading import Loaded, Predictions
from headgate.names import short
from headgate.serve.door.admission import Admitted
from headgate.serve.experiment.division import CONTROL, NAMES, TREATMENT, UNASSIGNED, Codes, Division
from headgate.serve.logs.recorder import Recorder, part_of
from headgate.serve.model.predictor import Predictor, finite
from headgate.serve.observers.background import Observer

Chosen = list[int] | slice
Ask = Callable[[Chosen], Predictions]
ALL = slice(None)


class ExperimentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A second model that answers a part of the rows."""

    name: str
    """Another name divides the keys anew."""
    model: Path
    """The package's folder."""
    sha256: str
    key: str
    """The input by whose value rows are divided: what returns, a customer."""
    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    """Of the keys that the second model answers."""


class Divided(Predictor):
    """Control and treatment as one predictor."""

    def __init__(self, control: Predictor, treatment: Predictor, division: Division) -> None:
        super().__init__(control.loaded, control.spec, control.function, control.door)
        self.treatment = treatment
        self.division = division
        self.rows: Counter[int] = Counter()

    @property
    def models(self) -> tuple[Loaded, ...]:
        """Return control's and treatment's."""
        return (self.loaded, self.treatment.loaded)

    def answer(self, rows: Admitted) -> Predictions:
        """Return each row's score by the model of its arm."""
        control = super().answer
        return self.by_arm(
            rows,
            lambda chosen: control(chosen_of(rows, chosen)),
            lambda chosen: self.treatment.answer(chosen_of(rows, chosen)),
        )

    def scores(self, rows: Admitted, matrices: Sequence[Matrix]) -> Predictions:
        """Return each row's score by the model of its arm, of its features as both take them."""
        mine, theirs = matrices
        return self.by_arm(
            rows,
            lambda chosen: finite(self.loaded.predict_matrix(mine[chosen])),
            lambda chosen: finite(self.treatment.loaded.predict_matrix(theirs[chosen])),
        )

    def by_arm(self, rows: Admitted, control: Ask, treatment: Ask) -> Predictions:
        """Return what each model says of its own rows, counted."""
        codes = self.division.codes(rows)
        self.rows.update(codes.tolist())
        treated = codes == TREATMENT
        if not treated.any():
            return control(ALL)
        if treated.all():
            return treatment(ALL)
        mine, theirs = (np.flatnonzero(part).tolist() for part in (~treated, treated))
        first = control(mine)
        scores = np.empty((rows.count, *first.shape[1:]))
        scores[mine], scores[theirs] = first, treatment(theirs)
        return scores

    def arms(self, rows: Admitted) -> str:
        """Return which arms answer a request: `control`, `treatment`, or both."""
        found = {NAMES[max(code, CONTROL)] for code in set(self.division.codes(rows).tolist())}
        return ", ".join(sorted(found))

    def collect(self) -> Iterator[Metric]:
        """Yield the counter, as a registry asks for it."""
        family = CounterMetricFamily(measures.EXPERIMENT_ROWS, "Answered rows.", labels=measures.EXPERIMENT_LABELS)
        models = {CONTROL: self, TREATMENT: self.treatment, UNASSIGNED: self}
        for arm, model in models.items():
            labels = [self.spec.service, self.division.experiment, NAMES.get(arm, "none"), short(model.loaded.sha256)]
            family.add_metric(labels, self.rows[arm])
        yield family


def chosen_of(rows: Admitted, chosen: Chosen) -> Admitted:
    return rows if isinstance(chosen, slice) else part_of(rows, chosen)


class DividedRecorder:
    """Logs each row under the model that answered it, with the chance by which it did."""

    def __init__(self, division: Division, recorders: dict[int, Recorder]) -> None:
        self.division = division
        self.recorders = recorders

    def record(self, rows: Admitted, scores: Sequence[Any]) -> None:
        """Keep one request's answered rows, by arm."""
        codes = self.division.codes(rows)
        for arm in np.unique(codes).tolist():
            if (codes == arm).all():
                self.recorders[arm].record(rows, scores)
            else:
                chosen = np.flatnonzero(codes == arm).tolist()
                self.recorders[arm].record(as_sent(part_of(rows, chosen)), [scores[place] for place in chosen])

    def flush(self) -> None:
        """Write all that waits."""
        for recorder in self.recorders.values():
            recorder.flush()

    @property
    def trouble(self) -> str | None:
        """Return what keeps one of them from writing."""
        return next((recorder.trouble for recorder in self.recorders.values() if recorder.trouble), None)

    def forgive(self) -> int:
        """Return how many requests were lost since this was last asked."""
        return sum(recorder.forgive() for recorder in self.recorders.values())


def as_sent(rows: Admitted) -> Admitted:
    """Return rows with the JSON of their values, as a whole request has it."""
    rows.data = {name: msgspec.Raw(msgspec.json.encode(list(values))) for name, values in rows.columns.items()}
    return rows


class ControlOnly:
    """Shows an observer what control answered: a sketch or a shadow is of one model."""

    def __init__(self, observer: Observer, division: Division) -> None:
        self.observer = observer
        self.division = division

    def offer(self, rows: Admitted, scores: Predictions) -> None:
        """Pass on control's rows."""
        codes: Codes = self.division.codes(rows)
        chosen = np.flatnonzero(codes != TREATMENT)
        self.observer.pass_by(rows.count - len(chosen))
        if len(chosen) == rows.count:
            self.observer.offer(rows, scores)
        elif len(chosen):
            self.observer.offer(part_of(rows, chosen.tolist()), scores[chosen])

    def pass_by(self, rows: int) -> None:
        """Pass it on."""
        self.observer.pass_by(rows)

    def fold(self, pause: Callable[[], None]) -> None:
        """Work off what was noted."""
        self.observer.fold(pause)
