"""The built-in trainers by name, and the one a service asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.errors import PermanentError
from headgate.names import did_you_mean
from headgate.specs.service import ParamValue, Service
from headgate.train import boosting, linear
from headgate.train.sample import Sample

Params = dict[str, ParamValue]
Fit = Callable[[Sample, Sample, dict[str, Any], int], Any]
"""`fit(train, tune, params, seed)` → a fitted scikit-learn-style estimator, or an ONNX ModelProto."""
Space = Mapping[str, tuple[float | int | str | bool, ...]]


@dataclass(frozen=True, slots=True)
class Trainer:
    """Who fits, with which settings by default and which are worth searching."""

    name: str
    fit: Fit
    tasks: tuple[str, ...] = ("binary", "multiclass", "regression")
    defaults: Params = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    ours: bool = False


TRAINERS: dict[str, Trainer] = {
    trainer.name: trainer
    for trainer in (
        Trainer("boosting", boosting.fit, defaults=boosting.DEFAULTS, space=boosting.SPACE, ours=True),
        Trainer(
            "logistic",
            linear.fit_logistic,
            tasks=("binary", "multiclass"),
            defaults=linear.LOGISTIC_DEFAULTS,
            space=linear.LOGISTIC_SPACE,
            ours=True,
        ),
        Trainer(
            "linear",
            linear.fit_linear,
            tasks=("regression",),
            defaults=linear.LINEAR_DEFAULTS,
            space=linear.LINEAR_SPACE,
            ours=True,
        ),
    )
}


def trainer(spec: Service, entrypoint: Fit | None) -> Trainer:
    """Return the built-in trainer `spec` names, or the service's own `entrypoint`."""
    name = spec.train.entrypoint
    if entrypoint is not None:
        return Trainer(name, entrypoint, space=spec.train.search.space)
    found = TRAINERS.get(name)
    if found is None:
        raise PermanentError(
            f"there is no trainer {name!r}.{did_you_mean(name, TRAINERS)}",
            found=f"built in: {', '.join(TRAINERS)}",
            next_step="name one of them in train.entrypoint, or your own as `module:function`",
        )
    if spec.task not in found.tasks:
        fitting = [each.name for each in TRAINERS.values() if spec.task in each.tasks]
        raise PermanentError(
            f"trainer {name!r} can't do task {spec.task!r}", next_step=f"set train.entrypoint to {' or '.join(fitting)}"
        )
    for param in (*spec.train.params, *spec.train.search.space):
        if param not in found.defaults:
            raise PermanentError(
                f"trainer {name!r} has no param {param!r}.{did_you_mean(param, found.defaults)}",
                found=", ".join(found.defaults),
            )
    return found
