"""Which params? Trials scored on tune rows alone; the first one is the params as they stand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate.errors import PermanentError
from headgate.records.model import Trial
from headgate.specs.service import ParamValue, Service
from headgate.stats.metrics import METRICS
from headgate.train.trainers import Params, Space

LEADING = {"binary": "auc", "multiclass": "log_loss", "regression": "rmse"}
WIDE = 10
"""A range whose ends are this far apart, as a factor, is searched on a logarithmic scale."""


@dataclass(frozen=True, slots=True)
class Found:
    """The params of the best trial, and every trial."""

    params: Params
    trials: tuple[Trial, ...]


def leading(spec: Service) -> str:
    """Return the metric a search optimises: the first one of evaluate.metrics."""
    return spec.evaluate.metrics[0] if spec.evaluate.metrics else LEADING[spec.task]


def search(spec: Service, space: Space, start: Params, score: Callable[[Params], float]) -> Found:
    """Return the best of `train.search.trials` params by `score`, seeded: the same rows give the same trials."""
    import optuna  # noqa: PLC0415 - few services search

    chosen = spec.train.search.space or space
    if not chosen:
        raise PermanentError(
            f"train.search asks for {spec.train.search.trials} trials and there is nothing to vary",
            next_step="name params and their values in train.search.space",
        )
    better = METRICS[leading(spec)].higher_is_better
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=spec.train.seed)
    study = optuna.create_study(direction="maximize" if better else "minimize", sampler=sampler)
    known = {name: value for name, value in start.items() if name in chosen}
    trials: list[Trial] = []

    def objective(trial: Any) -> float:
        first = not trials
        varied = {
            name: known.get(name) if first and name in known else suggest(trial, name, values)
            for name, values in chosen.items()
        }
        value = score({**start, **varied})
        trials.append(Trial(params=varied, score=value))
        return value

    study.optimize(objective, n_trials=spec.train.search.trials)
    best = (max if better else min)(trials, key=lambda trial: trial.score)
    return Found(params={**start, **best.params}, trials=tuple(trials))


def suggest(trial: Any, name: str, values: tuple[ParamValue, ...]) -> ParamValue:
    """Return a value of the space: of a range when there are exactly two numbers, else one of the values."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(values) != 2 or len(numbers) != 2:
        return trial.suggest_categorical(name, list(values))  # type: ignore[no-any-return]
    low, high = min(numbers), max(numbers)
    wide = low > 0 and high / low >= WIDE
    if all(isinstance(value, int) for value in numbers):
        return int(trial.suggest_int(name, int(low), int(high), log=wide))
    return float(trial.suggest_float(name, low, high, log=wide))
