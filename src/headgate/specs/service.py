"""service.yaml: one served model interface, described by its owner."""

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, field

from headgate.names import NameField
from headgate.records.live import Cause
from headgate.specs.canary import Canary
from headgate.specs.drift import Drift, Performance
from headgate.specs.gate import Gate
from headgate.specs.reading import Spec

Task = Literal["binary", "multiclass", "regression"]
DEFAULT_METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("auc", "log_loss"),
    "multiclass": ("log_loss", "accuracy"),
    "regression": ("rmse", "mae"),
}
Percent = Annotated[int, Meta(ge=1, le=99)]
ParamValue = float | int | str | bool | None


class Label(Spec, frozen=True, kw_only=True):
    """Which column is the answer, and when it can be known."""

    column: str
    """The column that the model learns to say."""
    matures_after: timedelta = timedelta(0)
    """A window is judged when its labels could have come."""
    missing: Literal["exclude", "refuse"] = "exclude"
    """Rows whose label never came: kept apart and reported as a worst case, or not accepted at all."""
    positive: str | int | bool | None = None
    """Binary only: the value that counts as 1; by default the larger of the two."""


class Data(Spec, frozen=True, kw_only=True):
    """Where rows come from and what their columns are."""

    reader: str
    """`module:function` in the service's folder, or a CSV or Parquet file, or a folder of Parquet."""
    label: Label
    time: str | None = None
    """Event time; without it the split is by hash of the cluster (or id)."""
    id: tuple[str, ...] = ()
    """Columns that name a row: answers are joined to labels by them; without them rows have no names."""
    cluster: str | None = None
    """Rows that share it are dependent: intervals are clustered by it. `day` and `week` are made from `time`."""
    features: str | None = None
    """`module:function`, `features(rows, as_of)`: the same for training, batch and online."""
    roles: dict[str, Literal["calendar", "ignore"]] = field(default_factory=dict)
    """calendar: takes no part in drift; ignore: not a feature."""


class Split(Spec, frozen=True, kw_only=True):
    """How event time is cut, oldest first: train, tune, gap, gate."""

    train: timedelta = timedelta(days=365)
    """At most."""
    tune: timedelta = timedelta(days=10)
    """For early stopping, the search and the model's own score."""
    gap: timedelta = timedelta(days=1)
    """Between the rows a model learned from and its gate rows, so that neighbours do not tell."""
    gate: timedelta = timedelta(days=21)
    """The newest rows, which no fit ever sees; three weeks, so that each weekday is in them three times."""


class Search(Spec, frozen=True, kw_only=True):
    """Hyper-parameter search on the tune rows."""

    trials: Annotated[int, Meta(ge=0, le=1000)] = 0
    """How many params are tried; 0: none but `params`."""
    space: dict[str, tuple[float | int | str | bool, ...]] = field(default_factory=dict)
    """Param → the values to try; numbers (low, high) when there are exactly two."""


class Train(Spec, frozen=True, kw_only=True):
    """Who fits the model."""

    entrypoint: str = "boosting"
    """`boosting`, `logistic`, `linear`, or `module:function`: fit(train, tune, params, seed) → estimator."""
    params: dict[str, ParamValue] = field(default_factory=dict)
    """Handed to the trainer as they are."""
    search: Search = field(default_factory=Search)
    seed: int = 7
    """The same rows, code, params and seed make the same model."""


class Evaluate(Spec, frozen=True, kw_only=True):
    """What is measured on the gate rows; the first metric is the one that leads."""

    metrics: tuple[Literal["auc", "log_loss", "brier", "accuracy", "rmse", "mae"], ...] = ()
    """Empty: auc, log_loss for binary; log_loss, accuracy for multiclass; rmse, mae for regression."""
    slices: tuple[str, ...] = ()
    """Columns whose values make slices; `a*b` crosses two."""


class Retrain(Spec, frozen=True, kw_only=True):
    """When a new training run may start."""

    causes: tuple[Cause, ...] = ("drift", "performance", "schedule", "data", "person")
    """Signals of other causes are ignored; a person may always ask."""
    windows: Annotated[str, Meta(pattern=r"^[1-9]\d{0,2} of [1-9]\d{0,2}$")] = "2 of 3"
    """A signal counts when it fired in N of the last M windows."""
    cooldown: timedelta = timedelta(days=7)
    """Since the last run's end."""
    per_day: Annotated[int, Meta(ge=1)] = 1
    """Runs a day at the most, whatever the signals."""
    stop_after_refusals: Annotated[int, Meta(ge=1)] = 3
    """Runs in a row that ended without a pass; then a promotion, new code or a person must come first."""

    def __post_init__(self) -> None:
        needed, among = self.needed_of
        if needed > among:
            raise ValueError(f"windows {self.windows!r} can never be met; expected N of M with N <= M")

    @property
    def needed_of(self) -> tuple[int, int]:
        """N and M of `windows`."""
        needed, among = self.windows.split(" of ")
        return int(needed), int(among)


class Service(Spec, frozen=True, kw_only=True):
    """One served model interface."""

    service: NameField
    """The name in the env repo, in requests and in metrics: lower-case letters, digits, '-', at most 40."""
    task: Task
    data: Data
    contract: str = "contract.yaml"
    """The contract's file, beside this one."""
    split: Split = field(default_factory=Split)
    train: Train = field(default_factory=Train)
    evaluate: Evaluate = field(default_factory=Evaluate)
    gate: Gate = field(default_factory=Gate)
    canary: Canary = field(default_factory=Canary)
    drift: Drift = field(default_factory=Drift)
    performance: Performance = field(default_factory=Performance)
    retrain: Retrain = field(default_factory=Retrain)
    owner: str | None = None
    """Whom to ask, as the model card says it."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that people see, the leading one first."""
        return self.evaluate.metrics or DEFAULT_METRICS[self.task]

    @property
    def metrics_judged(self) -> tuple[str, ...]:
        """Every metric that a rule may be about: the service's, the task's usual ones, those its own rules name."""
        named = (getattr(rule, "metric", None) for rule in self.gate.rules)
        return tuple(dict.fromkeys((*self.metrics, *DEFAULT_METRICS[self.task], *filter(None, named))))
