"""What one process serves."""

from collections.abc import Callable, Mapping

import msgspec

from headgate.serve.door.admission import Door
from headgate.serve.experiment.divided import DividedRecorder
from headgate.serve.logs.label_requests import Telling
from headgate.serve.logs.recorder import Recorder
from headgate.serve.model.predictor import Predictor
from headgate.serve.observers.background import Background
from headgate.serve.setup.faults import FaultPlan
from headgate.serve.telemetry.meters import Meters


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one model is served with."""

    door: Door
    predictor: Predictor
    meters: Meters
    faults: FaultPlan
    recorder: Recorder | DividedRecorder | None
    is_rowwise: bool = False
    """The owner's function makes a row's features of that row alone, as far as trying it could tell."""
    background: Background = msgspec.field(default_factory=Background)
    """What looks at answers that were given: no request waits for it."""
    telling: Telling | None = None
    """Who takes labels; none: nobody, for no answers are logged."""
    documents: Mapping[str, Callable[[], bytes]] = msgspec.field(default_factory=dict)
    """JSON of what was seen, by path."""
