"""What one process serves."""

from collections.abc import Callable, Mapping

import msgspec

from headgate.serve.background import Background
from headgate.serve.door import Door
from headgate.serve.experiment import DividedRecorder
from headgate.serve.faults import FaultPlan
from headgate.serve.meters import Meters
from headgate.serve.predictor import Predictor
from headgate.serve.recorder import Recorder
from headgate.serve.telling import Telling


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one model is served with."""

    door: Door
    predictor: Predictor
    meters: Meters
    faults: FaultPlan
    recorder: Recorder | DividedRecorder | None
    background: Background = msgspec.field(default_factory=Background)
    """What looks at answers that were given: no request waits for it."""
    telling: Telling | None = None
    """Who takes labels; none: nobody, for no answers are logged."""
    documents: Mapping[str, Callable[[], bytes]] = msgspec.field(default_factory=dict)
    """JSON of what was seen, by path."""
