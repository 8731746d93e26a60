"""An experiment from its options: the second model verified, logs by arm, observers that are shown control alone."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from headgate.errors import PermanentError
from headgate.names import Digest, did_you_mean, name
from headgate.serve.experiment.divided import ControlOnly, Divided, DividedRecorder, ExperimentOptions
from headgate.serve.experiment.division import CONTROL, NAMES, TREATMENT, UNASSIGNED, Division
from headgate.serve.logs.recorder import Recorder
from headgate.serve.logs.room import Room
from headgate.serve.logs.segment import Assignment, Segment
from headgate.serve.model.predictor import Predictor
from headgate.serve.model.warming import warm_up
from headgate.serve.setup.second_model import beside
from headgate.serve.setup.served import Served


class LogOptions(NamedTuple):
    """Where and how answers are logged."""

    folder: Path
    at_once: bool
    room: Room


def divided(
    served: Served,
    options: ExperimentOptions,
    threads: int,
    log: LogOptions | None,
    segment: Callable[[Digest], Segment],
) -> Served:
    """Return what is served with a second model beside the first; PermanentError when it cannot answer as that does."""
    both = both_of(served.predictor, options, threads)
    served.meters.registry.register(both)
    seen = served.background
    seen.observers = tuple(ControlOnly(observer, both.division) for observer in seen.observers)
    return msgspec.structs.replace(served, predictor=both, recorder=recorder_of(both, segment, log))


def both_of(control: Predictor, options: ExperimentOptions, threads: int) -> Divided:
    """Return both models as one."""
    called = f"experiment {options.name!r}: its model"
    loaded = beside(control.loaded, options.model, options.sha256, threads, called=called)
    if options.key not in control.door.types:
        raise PermanentError(
            f"experiment {options.name!r} divides by {options.key!r}, and no request has such an input."
            f"{did_you_mean(options.key, control.door.types)}",
            found=", ".join(control.door.types),
            next_step="name an input of the contract with --experiment-key",
        )
    treatment = Predictor(loaded, control.spec, control.function, control.door)
    warm_up(treatment)
    return Divided(control, treatment, Division(name(options.name, "experiment"), options.key, options.share))


def recorder_of(
    predictor: Divided, segment: Callable[[Digest], Segment], log: LogOptions | None
) -> DividedRecorder | None:
    """Return what logs each arm, None where nothing is logged."""
    if log is None:
        return None
    models = {CONTROL: predictor.loaded, TREATMENT: predictor.treatment.loaded, UNASSIGNED: predictor.loaded}
    recorders = {}
    for arm, loaded in models.items():
        own = msgspec.structs.replace(segment(loaded.sha256), assignment=assignment_of(predictor, arm))
        recorders[arm] = Recorder(log.folder, own, at_once=log.at_once, room=log.room)
    return DividedRecorder(predictor.division, recorders)


def assignment_of(predictor: Divided, arm: int) -> Assignment | None:
    """Return what the log says of an arm."""
    division = predictor.division
    if arm == UNASSIGNED:
        return None
    return Assignment(
        experiment=division.experiment,
        key=division.key,
        arm=NAMES[arm],
        propensity=division.propensity(arm),
        classes=predictor.loaded.signature.classes,
    )
